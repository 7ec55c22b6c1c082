/** What a compression tells while it runs. */

/** Names of the stages, in their order. */
export const COMPRESS_STAGES = [
  'original',
  'vocabulary',
  'latency',
  'depth',
  'importance',
  'candidates',
  'recovery',
  'precision',
  'verdict',
] as const;

export type CompressStage = (typeof COMPRESS_STAGES)[number];

/** A step of a compression. */
export interface CompressProgress {
  readonly stage: CompressStage;
  /** What is being done, or was found, in words. */
  readonly message: string;
  /** Share of the stage that is done, from 0 to 1; null: not known. */
  readonly done: number | null;
  /** Share of the whole work, estimated, from 0 to 1. */
  readonly total: number;
  readonly seconds: number;
  /** Estimate; null while there is none. */
  readonly secondsLeft: number | null;
}
