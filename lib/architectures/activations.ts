/**
 * Activation functions by the names that config.json has for them.
 *
 * Several names mean one function; a name that means none of ours is refused, never taken for a similar one.
 */

import type { ActivationKind } from '../graph/types.js';

/** `gelu_fast` and `gelu_new` are the same tanh form, written in two ways. */
export const ACTIVATIONS: Readonly<Record<string, ActivationKind>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
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
  return kind === 'gelu_tanh' ? 'gelu_new' : kind;
}
