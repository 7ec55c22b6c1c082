/**
 * Activation functions by the names that config.json has for them.
 *
 * Several names mean one function; a name that means none of ours is refused, never taken for a similar one.
 */

import type { ActivationKind } from '../graph/types.js';

/**
 * The names of transformers' ACT2FN that mean one of ours. `gelu_new`, `gelu_fast`, `gelu_accurate` and the two `_tanh` are one
 * form, written in five ways; `gelu_10` is clipped and no other name for `gelu`.
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

/** The name for `kind`: the old file's where that means the same. */
export function activationName(kind: ActivationKind, old: unknown): string {
  if (typeof old === 'string' && Object.hasOwn(ACTIVATIONS, old) && ACTIVATIONS[old] === kind) {
    return old;
  }
  if (kind === 'gelu_tanh') return 'gelu_new';
  return kind === 'none' ? 'linear' : kind;
}
