/** The options of a training whose rows are read while it runs, and what such a training cannot do. */

import { rangeMistake } from '../core/errors.js';
import { type KnownOptions, readOptions } from '../core/options.js';

export interface StreamOptions {
  /**
   * Reads and tokenizes the rows while the training runs, so that memory does not grow with their number. `rows` is an iterable
   * that gives all rows again in each epoch (`repeatedRows`); they are counted first, unless `maxSteps` is given. Default: false.
   */
  readonly streaming?: boolean;
  /**
   * With `streaming`: rows in memory of which the next one is drawn. The order is as random as the buffer is large against what
   * is sorted in the rows. Default: 10,000.
   */
  readonly shuffleBuffer?: number;
}

export const STREAM_OPTIONS = { streaming: true, shuffleBuffer: true } as const;

/** How rows are streamed; `shuffleBuffer` is 0 where they are not. */
export interface StreamSettings {
  readonly shuffleBuffer: number;
}

const BUFFER = 10_000;

/** Options that look at all rows before the first step, and the value with which they do not. */
const OF_ALL_ROWS: readonly (readonly [
  name: string,
  needs: (value: unknown) => boolean,
  what: string,
])[] = [
  ['groupByLength', (value) => value === true, 'false'],
  ['sampling', (value) => value === 'balanced', "'all'"],
  ['classWeights', (value) => value === 'balanced', 'numbers'],
  ['posWeights', (value) => value === 'balanced', 'numbers'],
  ['teacher', (value) => value !== undefined, 'left out'],
  ['distillation', (value) => value !== undefined, 'left out'],
  ['method', (value) => value === 'head' || value === 'few-shot', 'another one'],
];

/** Checks the options of streaming. Throws RangeError for options that need all rows at once. */
export function readStreamOptions<T extends StreamOptions>(
  where: string,
  options: T,
  known: KnownOptions<T>,
): StreamSettings {
  const read = readOptions<StreamOptions>(where, options, known as never);
  const isStreaming = read.boolean('streaming', false);
  const buffer = read.count('shuffleBuffer', undefined);
  if (!isStreaming) {
    if (buffer === undefined) return { shuffleBuffer: 0 };
    throw new RangeError(`${where}: shuffleBuffer needs streaming: true`);
  }
  const values = options as Readonly<Record<string, unknown>>;
  for (const [name, needs, what] of OF_ALL_ROWS) {
    const value = values[name];
    if (needs(value)) {
      throw rangeMistake(
        `${where}: ${name}`,
        `${what} with streaming, which never has all rows`,
        value,
      );
    }
  }
  return { shuffleBuffer: buffer ?? BUFFER };
}
