/**
 * The options that every call over texts has.
 */

import { type KnownOptions, readOptions } from '../core/options.js';
import { defaultPriority, PRIORITIES, type Priority } from '../core/priority.js';

export interface PredictOptions {
  /** true (default): texts over the limit are cut. false: they are a RangeError that names texts[i]. */
  readonly truncate?: boolean;
  /** Called once where texts were cut, with their numbers, before the call gives its results. */
  readonly onTruncated?: (indices: readonly number[]) => void;
  /** Default: 'interactive' for one text, 'bulk' for more. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
}

export const PREDICT_OPTIONS = {
  truncate: true,
  onTruncated: true,
  priority: true,
  signal: true,
} as const;

/** The texts of one call that were cut. */
export class CutTexts {
  private readonly indices = new Set<number>();

  constructor(private readonly onTruncated: ((indices: readonly number[]) => void) | undefined) {}

  /** Text number `index` was cut. */
  readonly add = (index: number): void => {
    this.indices.add(index);
  };

  has(index: number): boolean {
    return this.indices.has(index);
  }

  /** Tells the caller. */
  report(): void {
    if (this.indices.size > 0) this.onTruncated?.([...this.indices].sort((a, b) => a - b));
  }
}

export interface RunSettings {
  readonly truncate: boolean;
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
  readonly cuts: CutTexts;
}

/** Checks and fills; `known` are the names that the call may have, `texts` how many there are. */
export function readPredictOptions<T extends PredictOptions>(
  where: string,
  options: T,
  known: KnownOptions<T>,
  texts: number,
): RunSettings {
  const read = readOptions<PredictOptions>(where, options, known);
  return {
    truncate: read.boolean('truncate', true),
    priority: read.choice('priority', defaultPriority(texts), PRIORITIES),
    signal: read.signal(),
    cuts: new CutTexts(read.callback('onTruncated')),
  };
}
