/** What adapters are trained with. Checked and filled in by lib/train; saved in their files. */

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

export type LoraSettings = Required<LoraOptions>;
