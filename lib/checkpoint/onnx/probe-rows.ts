/**
 * A file's outputs and a program's on one probe, as rows that can be compared.
 */

import type { DraftValue, OnnxImport, Probe } from '../../formats/onnx/import/index.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { validateGraph } from '../../graph/validate.js';
import type { NativeProgram } from '../../native/program.js';
import { runBatch } from '../../runtime/forward.js';

/** A value of the file's graph, and the output that computes it. */
export interface Pair {
  readonly output: OutputName;
  readonly file: string;
  readonly value: DraftValue;
  /** Column of `value` that the file's value holds; null: all columns. */
  readonly column: number | null;
}

/** Outputs of the graph that the file computes too, except those `replaced`; if there are none, its last hidden values. */
export function pairsOf(
  { recovered: { found, hidden } }: OnnxImport,
  graph: EncoderGraph,
  replaced: readonly OutputName[],
): Pair[] {
  const pairs = found
    .filter(({ name, value }) => !replaced.includes(name) && sameWidth(graph, name, value))
    .map(({ name, ...rest }): Pair => ({ output: name, ...rest }));
  if (pairs.length > 0 || graph.outputs.hidden === undefined || hidden.origin === '') return pairs;
  return [{ output: 'hidden', file: hidden.origin, value: hidden, column: null }];
}

/** Whether the graph's output has the width of the file's: a head of the caller's own may have another. */
function sameWidth(graph: EncoderGraph, name: OutputName, value: DraftValue): boolean {
  const own = graph.outputs[name];
  return own !== undefined && validateGraph(graph).get(own)?.width === value.width;
}

/** An output of the program on the probe. */
export async function runProbe(
  program: NativeProgram,
  graph: EncoderGraph,
  output: OutputName,
  probe: Probe,
): Promise<Float32Array> {
  const value = validateGraph(graph).get(graph.outputs[output] ?? '');
  const { ids, segments, offsets } = tokensOf(probe);
  const rows = value?.kind === 'sequence' ? probe.batch : ids.length;
  const data = new Float32Array(rows * (value?.width ?? 0));
  const used = graph.segments > 1 ? segments : null;
  await runBatch(program, { ids, offsets, segments: used }, output, data, {
    where: 'load',
    signal: undefined,
  });
  return data;
}

/** The tokens of the probe without padding. */
function tokensOf({ batch, length, lengths, ids, segments }: Probe) {
  const offsets = new Int32Array(batch + 1);
  lengths.forEach((n, b) => {
    offsets[b + 1] = (offsets[b] ?? 0) + n;
  });
  const total = offsets[batch] ?? 0;
  const [kept, kinds] = [new Int32Array(total), new Int32Array(total)];
  for (let b = 0; b < batch; b++) {
    const [from, at, n] = [b * length, offsets[b] ?? 0, lengths[b] ?? 0];
    kept.set(ids.subarray(from, from + n), at);
    kinds.set(segments.subarray(from, from + n), at);
  }
  return { ids: kept, segments: kinds, offsets };
}

/** Rows of the file's padded tensor without padding. */
export function fileRows(
  { batch, length, lengths }: Probe,
  data: ArrayLike<number>,
  { value, column }: Pick<Pair, 'value' | 'column'>,
): Float32Array {
  const width = column === null ? value.width : 1;
  const rows: number[] = [];
  for (let b = 0; b < batch; b++) {
    if (value.kind === 'sequence') rows.push(b);
    else for (let s = 0; s < (lengths[b] ?? 0); s++) rows.push(b * length + s);
  }
  const result = new Float32Array(rows.length * width);
  rows.forEach((row, r) => {
    for (let c = 0; c < width; c++) result[r * width + c] = data[row * width + c] ?? Number.NaN;
  });
  return result;
}

/** The pair's column of the program's rows, or all columns. */
export function columnOf(rows: Float32Array, { value: { width }, column }: Pair): Float32Array {
  if (column === null) return rows;
  return Float32Array.from(
    { length: rows.length / width },
    (_, r) => rows[r * width + column] ?? 0,
  );
}

/** Largest absolute difference, relative to the largest wanted number. */
export function largest(got: Float32Array, wanted: Float32Array): number {
  let [worst, scale] = [0, 1e-30];
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs((got[i] ?? 0) - (wanted[i] ?? 0));
    worst = difference <= worst ? worst : difference;
    scale = Math.max(scale, Math.abs(wanted[i] ?? 0));
  }
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / scale;
}

/** Euclidean length of the difference, relative to that of `wanted`. */
export function distance(got: Float32Array, wanted: Float32Array): number {
  let [apart, length] = [0, 1e-30];
  for (let i = 0; i < got.length; i++) {
    apart += ((got[i] ?? 0) - (wanted[i] ?? 0)) ** 2;
    length += (wanted[i] ?? 0) ** 2;
  }
  const result = Math.sqrt(apart / length);
  return Number.isNaN(result) ? Number.POSITIVE_INFINITY : result;
}
