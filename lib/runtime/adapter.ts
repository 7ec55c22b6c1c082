/** A trained adapter of a model, as it is saved beside its base. */

import type { FloatTensor } from '../core/tensor.js';
import type { LoraSettings } from '../graph/adapter-options.js';
import type { LoraMatrix } from '../graph/rewrite/lora.js';

export interface Adapter {
  /** What it was trained with, by PEFT's names. */
  readonly settings: LoraSettings;
  readonly matrices: readonly (LoraMatrix & { readonly module: string })[];
  /** Weights of the head, which are saved whole. */
  readonly whole: readonly string[];
  /** A and B of every matrix, and the weights of the head. */
  readonly tensors: ReadonlyMap<string, FloatTensor>;
}
