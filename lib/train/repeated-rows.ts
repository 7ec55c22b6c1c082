/** Rows that can be read again. */

import type { Rows } from './collect-rows.js';

/**
 * An iterable that calls `make` for each pass, for rows that are streamed over several epochs:
 * `repeatedRows(() => readRows('rows.jsonl'))`.
 */
export function repeatedRows<Row>(make: () => Rows<Row>): AsyncIterable<Row> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* make();
    },
  };
}
