/** Adapters of a model: what a training made or a file holds, to be saved, merged into its base or run beside it. */

import type { FloatTensor } from '../core/tensor.js';
import type { BottleneckSettings, Ia3Settings, LoraSettings } from '../graph/adapter-options.js';
import type { SavedHead } from '../graph/checkpoint.js';
import type { LoraMatrix } from '../graph/rewrite/lora.js';
import type { ScaledMatrix } from '../graph/rewrite/scales.js';

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

/** Low-rank adapters (LoRA), and with magnitudes DoRA (Liu et al. 2024). */
export interface LoraAdapter extends AdapterParts {
  readonly kind: 'lora';
  /** What it was trained with, by PEFT's names. */
  readonly settings: LoraSettings;
  readonly matrices: readonly AdaptedMatrix[];
}

export interface AdaptedMatrix extends LoraMatrix {
  readonly module: string;
  /** Name of the magnitudes [outputs] of DoRA: the rows of W + scale * B A get these lengths. Left out: they keep theirs. */
  readonly magnitude?: string;
}

/** Vectors beside matrices (IA3). */
export interface Ia3Adapter extends AdapterParts {
  readonly kind: 'ia3';
  readonly settings: Ia3Settings;
  readonly matrices: readonly (ScaledMatrix & { readonly module: string })[];
}

/** Small networks inside the layers. They are no change of weights, so they cannot be merged. */
export interface BottleneckAdapter extends AdapterParts {
  readonly kind: 'bottleneck';
  readonly settings: BottleneckSettings;
}

export type Adapter = LoraAdapter | Ia3Adapter | BottleneckAdapter;
