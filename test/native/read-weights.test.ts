/** Any rows of any weight are read back exactly as they were written, from plain and from packed memory. */

import { describe, expect, it } from 'vitest';
import { f16ToF32, f32ToF16 } from '../../lib/formats/float16.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { expectSameBits, Random } from '../kernels/native-test.js';
import {
  at,
  bytesOf,
  quantizedGraph,
  quantizedRows,
  randomWeights,
  readCodes,
  sealed,
  sealedS8,
  toyGraph,
  unsealed,
} from './toy.js';

// Query, key and value are stacked: with 24 rows each the second begins inside a panel of 16.
const graph = toyGraph();
const weights = randomWeights(graph, 7);
const written = (name: string) => weights.get(name) ?? new Float32Array();

/** Some [begin, end) of `rows`, the empty and the whole among them. */
function ranges(rows: number): [number, number][] {
  const random = new Random(rows);
  const some = Array.from({ length: 12 }, (): [number, number] => {
    const begin = random.integer(0, rows);
    return [begin, random.integer(begin, rows)];
  });
  return [[0, rows], [0, 0], [rows, rows], ...some];
}

async function each(
  of: EncoderGraph,
  check: (name: string, width: number, rows: [number, number]) => Promise<void>,
) {
  for (const { name, shape } of of.weights) {
    for (const range of ranges(at(shape, 0))) await check(name, shape[1] ?? 1, range);
  }
}

describe('rows of a weight', () => {
  it.each([false, true])('f32, trainable: %s', async (trainable) => {
    const program = await sealed(graph, weights, trainable);
    await each(graph, async (name, width, [begin, end]) => {
      const got = program.store.readWeight(name, begin, end);
      const want = written(name).subarray(begin * width, end * width);
      expectSameBits(got, want, `${name} ${begin} to ${end}`);
      expectSameBits(
        program.store.readWeight(name, begin),
        written(name).subarray(begin * width),
        name,
      );
    });
    program.dispose();
  });

  it('int8', async () => {
    const program = await sealedS8(graph, weights);
    const quantized = quantizedGraph(graph);
    const s8 = quantized.weights.filter(({ dtype }) => dtype === 's8');
    await each({ ...quantized, weights: s8 }, async (name, width, [begin, end]) => {
      const whole = quantizedRows(written(name), width);
      const got = await readCodes(program, name, begin, end);
      expect(got.data, name).toEqual(whole.data.slice(begin * width, end * width));
      expect(got.scales, name).toEqual(whole.scales.slice(begin, end));
    });
    program.dispose();
  });

  it('tables in f16', async () => {
    const halves = graph.nodes.flatMap((node) =>
      node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
    );
    const tables = { ...graph, weights: graph.weights.filter(({ name }) => halves.includes(name)) };
    const stored: EncoderGraph = {
      ...graph,
      weights: graph.weights.map((spec) =>
        halves.includes(spec.name) ? { ...spec, dtype: 'f16' } : spec,
      ),
    };
    const program = unsealed(stored);
    const bits = (name: string) => f32ToF16(written(name));
    for (const { name } of graph.weights) {
      if (!halves.includes(name)) program.store.writeWeight(name, 0, 'f32', bytesOf(written(name)));
      else program.store.writeWeight(name, 0, 'f16', new Uint8Array(bits(name).buffer));
    }
    await program.seal();
    await each(tables, async (name, width, [begin, end]) => {
      const want = bits(name).slice(begin * width, end * width);
      const [got] = await program.store.readRows(name, begin, end, 'f16');
      expect(new Uint16Array(got?.buffer ?? new ArrayBuffer(0)), name).toEqual(want);
      expectSameBits(program.store.readWeight(name, begin, end), f16ToF32(want), name);
    });
    program.dispose();
  });

  it('are refused beyond the weight', async () => {
    const program = await sealed(graph, weights);
    const [name, rows] = [graph.weights[0]?.name ?? '', graph.weights[0]?.shape[0] ?? 0];
    for (const [begin, end] of [
      [-1, 1],
      [0, rows + 1],
      [2, 1],
      [0.5, 1],
      [0, Number.NaN],
      [0, 2 ** 60],
      [rows + 1, rows + 1],
    ]) {
      expect(() => program.store.readWeight(name, begin, end), `${begin} to ${end}`).toThrowError(
        expect.objectContaining({ code: 'INTERNAL' }),
      );
    }
    program.dispose();
  });
});
