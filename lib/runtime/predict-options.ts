/** The options that all calls over texts have. */

import { type KnownOptions, readOptions } from '../core/options.js';
import { defaultPriority, PRIORITIES, type Priority } from '../core/priority.js';

/** The option of every call that a loaded adapter may answer. */
export interface AdapterOption {
  /** Name of a loaded adapter that answers instead of the model itself; see `loadAdapter`. */
  readonly adapter?: string;
}

/** Options of every call over texts. */
export interface PredictOptions extends AdapterOption {
  /** true (default): texts over the limit are truncated. false: they throw a RangeError that names texts[i]. */
  readonly truncate?: boolean;
  /** Called once if texts were truncated, with their indices, before the call returns. */
  readonly onTruncated?: (indices: readonly number[]) => void;
  /** Default: 'interactive' for one text, 'bulk' for more. */
  readonly priority?: Priority;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

export const PREDICT_OPTIONS = {
  adapter: true,
  truncate: true,
  onTruncated: true,
  priority: true,
  signal: true,
} as const;

/** Collects the indices of the texts of a call that were truncated. */
export class CutTexts {
  private readonly indices = new Set<number>();

  constructor(private readonly onTruncated: ((indices: readonly number[]) => void) | undefined) {}

  /** Notes that text `index` was truncated. */
  readonly add = (index: number): void => {
    this.indices.add(index);
  };

  has(index: number): boolean {
    return this.indices.has(index);
  }

  /** Calls `onTruncated` if any text was truncated. */
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

/** Checks the options and fills in defaults. `known` holds all option names of the call, `texts` is the number of texts. */
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
