/** Embedding tables, looked up by row: they turn token ids into vectors. */

import { number, objects, oneOf, weight } from '../fields.js';
import { LIMITS } from '../limits.js';
import type { OpRow, ShapeContext } from './row.js';

/**
 * Index into a table: the token id, the position in the text (from 0, plus offset), the segment, or the same row, `offset`, for
 * every token (ERNIE's task).
 */
export type EmbeddingIndex = 'token' | 'position' | 'segment' | 'row';

export const EMBEDDING_INDICES: readonly EmbeddingIndex[] = ['token', 'position', 'segment', 'row'];

/** output[t] = sum over tables of table[index(t)]. */
export interface EmbeddingNode {
  readonly op: 'embedding';
  readonly output: string;
  readonly tables: readonly {
    readonly weight: string;
    readonly index: EmbeddingIndex;
    /** Added to the position (in RoBERTa, pad id + 1); the row where the index is `row`. */
    readonly offset: number;
  }[];
}

export const embedding: OpRow<EmbeddingNode> = {
  fields: {
    tables: objects({ weight, index: oneOf(EMBEDDING_INDICES), offset: number }),
  },
  shape(node, see) {
    if (node.tables.length === 0 || node.tables.length > LIMITS.tables) {
      throw see.fail(`must have 1 to ${LIMITS.tables} tables, got ${node.tables.length}`);
    }
    const widths = node.tables.map(({ weight: name, index, offset }) => {
      const [rows, width] = see.weight(name, 2) as [number, number];
      if (!Number.isSafeInteger(offset) || offset < 0 || offset > LIMITS.offset) {
        const range = `an integer from 0 to ${LIMITS.offset}`;
        throw see.fail(`offset of ${name} must be ${range}, got ${offset}`);
      }
      const needs = offset + rowsFor(index, see);
      if (rows < needs) throw see.fail(`${name} must have ${needs} rows (${index}), got ${rows}`);
      return width;
    });
    return { kind: 'token', width: see.same(widths, 'tables'), rows: 0 };
  },
  detail: (node) => node.tables.map(({ index }) => index).join(' + '),
};

function rowsFor(index: EmbeddingIndex, { graph, fail }: ShapeContext): number {
  if (index === 'token') return graph.vocabulary;
  if (index === 'position') return graph.maxTokens;
  if (index === 'segment') return graph.segments;
  if (index === 'row') return 1;
  throw fail(`unknown index ${String(index)}`);
}
