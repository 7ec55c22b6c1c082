/**
 * Activation functions by their names in config.json.
 *
 * Several names may mean one function. An unknown name is refused, never replaced by a similar one.
 */

import type { ActivationKind } from '../graph/types.js';

/**
 * The names in transformers' ACT2FN that stand for a function of ours. `gelu_new`, `gelu_fast`, `gelu_accurate` and the two
 * `_tanh` names are one formula, written in five ways. `gelu_10` is clipped, so it is not another name for `gelu`.
 */
export const ACTIVATIONS: Readonly<Record<string, ActivationKind>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  linear: 'none',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
};

/** The name for `kind` in config.json: the old file's name if it means the same. */
export function activationName(kind: ActivationKind, old: unknown): string {
  if (typeof old === 'string' && Object.hasOwn(ACTIVATIONS, old) && ACTIVATIONS[old] === kind) {
    return old;
  }
  if (kind === 'gelu_tanh') return 'gelu_new';
  return kind === 'none' ? 'linear' : kind;
}
