/** The outputs of a model as it computes them itself, those of its ONNX file without padding, and how far they are apart. */

import type { OutputName } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import type { TokenBatch } from '../../lib/native/program.js';
import { outputWidth, runBatch } from '../../lib/runtime/forward.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import type { Result } from './support.js';

const ONNX_NAMES: Partial<Record<OutputName, string>> = {
  hidden: 'last_hidden_state',
  embedding: 'sentence_embedding',
};

/** Rows of a result without padding; start and end of an answer side by side as in our logits. */
export function realNumbers(
  results: Readonly<Record<string, Result>>,
  output: OutputName,
  perToken: boolean,
  lengths: readonly number[],
): number[] {
  const { start_logits: starts, end_logits: ends } = results;
  const joined =
    output === 'logits' && starts && ends
      ? {
          dims: [...starts.dims, 2],
          data: Float32Array.from([...starts.data].flatMap((x, i) => [x, ends.data[i] ?? 0])),
        }
      : results[ONNX_NAMES[output] ?? output];
  if (joined === undefined) throw new Error(`no ${output}`);
  const [rows = 0, positions = 0] = joined.dims;
  const width = joined.dims.at(-1) ?? 0;
  if (rows !== lengths.length) throw new Error('rows');
  if (!perToken) return [...joined.data];
  return lengths.flatMap((length, row) => [
    ...joined.data.subarray(row * positions * width, (row * positions + length) * width),
  ]);
}

/** The output as the model itself computes it; segments are left out where it has none. */
export async function ownNumbers(
  parts: ModelParts,
  { ids, segments, offsets }: TokenBatch,
  output: OutputName,
): Promise<Float32Array> {
  const tokens = { ids, offsets, segments: parts.graph.segments > 1 ? segments : null };
  const rows = perToken(parts, output) ? ids.length : offsets.length - 1;
  const data = new Float32Array(rows * outputWidth(parts.graph, output));
  await parts.program.use('test', (program) =>
    runBatch(program, tokens, output, data, { where: 'test', signal: undefined }),
  );
  return data;
}

export function perToken({ graph }: ModelParts, output: OutputName): boolean {
  return validateGraph(graph).get(graph.outputs[output] ?? '')?.kind !== 'sequence';
}

export function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The largest difference relative to the largest number, and the cosine. */
export function compare(wanted: Float32Array, got: readonly number[]) {
  const scale = Math.max(...wanted.map(Math.abs));
  const differences = got.map((x, i) => Math.abs(x - (wanted[i] ?? Number.NaN)));
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    sum(Array.from(a, (x, i) => x * (b[i] ?? Number.NaN)));
  return {
    difference: wanted.length === got.length ? Math.max(...differences) / scale : Infinity,
    cosine: dot(wanted, got) / Math.sqrt(dot(wanted, wanted) * dot(got, got)),
  };
}
