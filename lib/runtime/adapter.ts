/** A trained adapter of a model, as it is saved beside its base. */

import type { LoraMatrix } from '../graph/rewrite/lora.js';

export interface AdapterTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Adapter {
  /** What it was trained with, by PEFT's names. */
  readonly settings: AdapterSettings;
  readonly matrices: readonly (LoraMatrix & { readonly module: string })[];
  /** Weights of the head, which are saved whole. */
  readonly whole: readonly string[];
  /** A and B of every matrix, and the weights of the head. */
  readonly tensors: ReadonlyMap<string, AdapterTensor>;
}

export interface AdapterSettings {
  readonly r: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly targets: 'all-linear' | readonly string[];
  readonly rslora: boolean;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}
