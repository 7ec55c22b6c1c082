/** Rows that an embedding adds: several tables that begin at positions of their own, and one row for every token. */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import { disposeProgram } from '../../lib/runtime/program.js';
import { batchOf, randomWeights, run, sealed } from './toy.js';

const WIDTH = 16;
const VOCABULARY = 11;
const LENGTHS = [5, 1, 13, 2];

describe('an embedding', () => {
  it.each([false, true])('adds the rows that its tables say, trainable: %s', async (trainable) => {
    const b = new GraphBuilder();
    const sum = b.embedding(
      [
        { weight: 'words', rows: VOCABULARY, index: 'token' },
        { weight: 'near', rows: 21, index: 'position', offset: 1 },
        { weight: 'far', rows: 27, index: 'position', offset: 7 },
        { weight: 'tasks', rows: 3, index: 'row', offset: 2 },
      ],
      WIDTH,
      'sum',
    );
    b.output('hidden', sum);
    const graph = b.finish({
      ...{ architecture: 'toy', maxTokens: 20, vocabulary: VOCABULARY, segments: 1 },
    });
    const weights = randomWeights(graph, 4);
    const batch = batchOf(LENGTHS, 3, { vocabulary: VOCABULARY, segments: false });
    const program = await sealed(graph, weights, trainable);
    const got = await run(program, batch, 'hidden', batch.ids.length * WIDTH);
    disposeProgram(program);

    const positions = LENGTHS.flatMap((length) => Array.from({ length }, (_, t) => t));
    const at = (name: string, row: number, k: number) =>
      weights.get(name)?.[row * WIDTH + k] ?? NaN;
    for (const [t, id] of [...batch.ids].entries()) {
      for (let k = 0; k < WIDTH; k++) {
        const p = positions[t] ?? NaN;
        const parts = [at('words', id, k), at('near', p + 1, k), at('far', p + 7, k)];
        const wanted = [...parts, at('tasks', 2, k)].reduce((a, x) => Math.fround(a + x), 0);
        expect(got[t * WIDTH + k]).toBe(wanted);
      }
    }
  });
});
