/** Adapters of a model: what a training made or a file holds, to be saved, merged into its base or run beside it. */

import type { FloatTensor } from '../core/tensor.js';
import type { LoraSettings } from '../graph/adapter-options.js';
import type { SavedHead } from '../graph/checkpoint.js';
import type { LoraMatrix } from '../graph/rewrite/lora.js';

/** What every kind of adapter has. */
interface AdapterParts {
  /** Weights of the head, which are saved whole. */
  readonly whole: readonly string[];
  /** The adapter's own tensors, and the weights of the head. */
  readonly tensors: ReadonlyMap<string, FloatTensor>;
  /** The path or id of its base, before the adapter; null: the base was changed since it was loaded, or is not known. */
  readonly base: string | null;
  /** What its head predicts; null: it has no labels, or its file does not say them. */
  readonly head: SavedHead | null;
}

/** Low-rank adapters (LoRA). */
export interface LoraAdapter extends AdapterParts {
  readonly kind: 'lora';
  /** What it was trained with, by PEFT's names. */
  readonly settings: LoraSettings;
  readonly matrices: readonly (LoraMatrix & { readonly module: string })[];
}

export type Adapter = LoraAdapter;
