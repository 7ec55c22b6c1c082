/** What adapters are trained with. Checked and filled in by lib/train; saved in their files. */

import type { ActivationKind } from './types.js';

/** Low-rank adapters (LoRA, Hu et al. 2021), as PEFT's `LoraConfig` has them. */
export interface LoraOptions {
  /** Rank of the adapters. Default: 8. */
  readonly r?: number;
  /** The product of an adapter is scaled by alpha / r. Default: 16. */
  readonly alpha?: number;
  /** Dropout of the adapters' inputs, from 0, below 1. Default: 0. */
  readonly dropout?: number;
  /**
   * Modules that get an adapter: ends of their names in transformers, such as `query` or `output.dense`; or `all-linear`
   * (default), every matrix of the encoder.
   */
  readonly targets?: 'all-linear' | readonly string[];
  /** Scales by alpha / sqrt(r) (Kalajdzievski 2023). Default: false. */
  readonly rslora?: boolean;
  /** Ranks of single modules, by the end of their name. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Alphas of single modules, by the end of their name. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

export interface LoraSettings extends Required<LoraOptions> {
  /** DoRA, which files may have; Sinter does not train it. Left out: false. */
  readonly useDora?: boolean;
}

/** Vectors beside matrices (IA3, Liu et al. 2022), as PEFT's `IA3Config` has them. */
export interface Ia3Options {
  /** Ends of the names of modules that get a vector. Default: `key`, `value` and `output.dense`, as PEFT has for BERT. */
  readonly targets?: readonly string[];
  /** Those of the targets whose input is multiplied instead of their output. Default: `output.dense`. */
  readonly feedforward?: readonly string[];
}

export type Ia3Settings = Required<Ia3Options>;

export const BOTTLENECK_KINDS = ['pfeiffer', 'houlsby', 'ffn'] as const;

/**
 * Where bottleneck adapters are, with f(x) = up(activation(down(x))), d the output of a block's last matrix and h its residual
 * input: `houlsby` (Houlsby et al. 2019) after the attention and after the feed-forward block, norm(d + f(d) + h); `ffn` after
 * the feed-forward block only; `pfeiffer` (Pfeiffer et al. 2021) there too, as norm(f(norm(d + h)) + d + h) with the block's own norm.
 */
export type BottleneckKind = (typeof BOTTLENECK_KINDS)[number];

/** Bottleneck adapters: small feed-forward networks inside the layers. */
export interface BottleneckOptions {
  /** Default: 'pfeiffer'. */
  readonly kind?: BottleneckKind;
  /** The width of the layers divided by that of the adapters, rounded down. Default: 16. */
  readonly reductionFactor?: number;
  /** The width of the adapters. Default: by `reductionFactor`. */
  readonly size?: number;
  /** Default: 'relu'. */
  readonly activation?: Exclude<ActivationKind, 'none'>;
}

export interface BottleneckSettings extends Required<Omit<BottleneckOptions, 'size'>> {
  /** null: by `reductionFactor`. */
  readonly size: number | null;
}
