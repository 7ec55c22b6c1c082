/**
 * A program with its int8 products in f32: the same weights, activations that are not rounded.
 */

import { setImmediate } from 'node:timers/promises';
import type { NativeProgram } from '../core/native.js';
import type { EncoderGraph } from '../graph/types.js';
import { buildProgram, bytesOf, copyFrom, halvesFrom, rowPieces } from './model-parts.js';

/** Names of the s8 weights that products read. A table that is only looked up is exact as it is. */
export function int8Products(graph: EncoderGraph): ReadonlySet<string> {
  const products = new Set(
    graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : [])),
  );
  const stored = graph.weights.filter(({ name, dtype }) => dtype === 's8' && products.has(name));
  return new Set(stored.map(({ name }) => name));
}

/** `program` with the weights `names` as f32: four times their bytes until the caller disposes of it. */
export async function widenedProgram(
  graph: EncoderGraph,
  program: NativeProgram,
  names: ReadonlySet<string>,
): Promise<{ readonly graph: EncoderGraph; readonly program: NativeProgram }> {
  const weights = graph.weights.map((weight) =>
    names.has(weight.name) ? ({ ...weight, dtype: 'f32' } as const) : weight,
  );
  const wide: EncoderGraph = { ...graph, weights };
  const copy = copyFrom(program);
  const options = { trainable: false, halves: halvesFrom(program, wide) };
  const made = await buildProgram(wide, options, async (to, weight) => {
    const { name, shape } = weight;
    if (!names.has(name)) return copy(to, weight);
    const width = shape[1] ?? 1;
    for (const [begin, end] of rowPieces(shape)) {
      const { data, scales } = program.readQuantized(name, begin, end);
      to.writeWeight(name, begin * width, 'f32', bytesOf(widened(data, scales, width)));
      await setImmediate();
    }
  });
  return { graph: wide, program: made };
}

/** Codes times the scale of their row. A loop: `Float32Array.from` takes thirty times as long. */
function widened(codes: Int8Array, scales: Float32Array, width: number): Float32Array {
  const floats = new Float32Array(codes.length);
  for (let i = 0, row = 0; i < floats.length; row++) {
    const scale = scales[row] ?? 0;
    for (const end = i + width; i < end; i++) floats[i] = (codes[i] as number) * scale;
  }
  return floats;
}
