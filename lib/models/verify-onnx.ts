/**
 * Proof of an ONNX import: the program's outputs on a short ragged batch against the reference evaluator on the file's graph.
 *
 * The evaluator shares no code with recovery or the native program. A mismatch is UNSUPPORTED_MODEL: never a wrong model.
 */

import { SinterError } from '../core/errors.js';
import type { NativeProgram } from '../core/native.js';
import {
  type DraftValue,
  evaluatePlain,
  type OnnxImport,
  type Probe,
  probeFor,
  STYLES,
} from '../formats/onnx/import/index.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runBatch } from './forward.js';
import { buildProgram, bytesOf } from './model-parts.js';

/** Tokens of the longest text of the probe. */
const LENGTH = 8;
/** Largest difference, in parts of the largest number of the output. */
const FLOAT_TOLERANCE = 2e-4;
/** As a distance of vectors, in parts of their length: int8 with other steps for activations than the file's. */
const INT8_TOLERANCE = 0.2;

export interface Verification {
  /** Names of the outputs compared. */
  readonly outputs: readonly string[];
  /** Largest difference, relative to the largest number of the output (int8: length of the difference over that of the output). */
  readonly difference: number;
  readonly tolerance: number;
  readonly ms: number;
}

interface Pair {
  readonly output: OutputName;
  /** Values of the file's graph: one, or one per column. */
  readonly files: readonly string[];
  readonly value: DraftValue;
}

/** Compares `program`, which runs `graph`, with the file. Throws UNSUPPORTED_MODEL naming the first value that differs. */
export async function verifyOnnx(
  imported: OnnxImport,
  graph: EncoderGraph,
  program: NativeProgram,
  quantized: boolean,
): Promise<Verification> {
  const begin = performance.now();
  const { recovered, path } = imported;
  const probe = probeFor(recovered, LENGTH);
  const pairs = pairsOf(imported, graph);
  if (pairs.length === 0) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: no value of the file can be compared with the recovered model`,
      { details: { file: path } },
    );
  }
  const wanted = [...new Set(pairs.flatMap(({ files }) => files))];
  const expected = await evaluatePlain(imported, probe, wanted);
  const tolerance = quantized ? INT8_TOLERANCE : FLOAT_TOLERANCE;
  let difference = 0;
  for (const { output, files, value } of pairs) {
    const got = await runProbe(program, graph, output, probe);
    const tensors = files.map((name) => expected.get(name)?.data ?? new Float32Array());
    const reference = ragged(probe, tensors, value);
    const worst = quantized ? distance(got, reference) : largest(got, reference);
    difference = Math.max(difference, worst);
    if (worst <= tolerance) continue;
    const first = quantized ? null : await firstDifference(imported, probe);
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: verification failed: output ${files.join(', ')} differs from the recovered model by ${worst.toPrecision(3)}` +
        ` of its size${first === null ? '' : `; the first value that differs is ${first}`}`,
      { details: { file: path, output: files.join(', '), difference: worst, value: first ?? '' } },
    );
  }
  const ms = performance.now() - begin;
  return { outputs: pairs.map(({ output }) => output), difference, tolerance, ms };
}

/** Outputs of the graph that the file computes too; its last hidden values always are. */
function pairsOf({ recovered }: OnnxImport, graph: EncoderGraph): Pair[] {
  const pairs: Pair[] = [];
  for (const { name, file, value } of recovered.found) {
    const known = pairs.find((pair) => pair.output === name);
    if (known !== undefined) (known.files as string[]).push(file);
    else if (sameWidth(graph, name, value)) pairs.push({ output: name, files: [file], value });
  }
  const { hidden } = recovered;
  if (pairs.length > 0 || graph.outputs.hidden === undefined || hidden.origin === '') return pairs;
  return [{ output: 'hidden', files: [hidden.origin], value: hidden }];
}

/** A head of the user's own, or another pooling, is not the file's. */
function sameWidth(graph: EncoderGraph, name: OutputName, value: DraftValue): boolean {
  const own = graph.outputs[name];
  return own !== undefined && validateGraph(graph).get(own)?.width === value.width;
}

async function runProbe(
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

/** The probe without its padding. */
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

/** Rows of the file's padded tensor (or columns, one tensor each) that are no padding. */
function ragged(
  { batch, length, lengths }: Probe,
  tensors: readonly ArrayLike<number>[],
  { kind, width }: DraftValue,
): Float32Array {
  const rows: number[] = [];
  for (let b = 0; b < batch; b++) {
    if (kind === 'sequence') rows.push(b);
    else for (let s = 0; s < (lengths[b] ?? 0); s++) rows.push(b * length + s);
  }
  const [only] = tensors;
  const columns = tensors.length > 1 || (only?.length ?? 0) < width * batch ? tensors : null;
  const result = new Float32Array(rows.length * width);
  rows.forEach((row, r) => {
    for (let c = 0; c < width; c++) {
      result[r * width + c] = columns ? (columns[c]?.[row] ?? 0) : (only?.[row * width + c] ?? 0);
    }
  });
  return result;
}

function largest(got: Float32Array, wanted: Float32Array): number {
  let [worst, scale] = [0, 1e-30];
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs((got[i] ?? 0) - (wanted[i] ?? 0));
    worst = difference <= worst ? worst : difference;
    scale = Math.max(scale, Math.abs(wanted[i] ?? 0));
  }
  return Number.isNaN(worst) ? Number.POSITIVE_INFINITY : worst / scale;
}

function distance(got: Float32Array, wanted: Float32Array): number {
  let [apart, length] = [0, 1e-30];
  for (let i = 0; i < got.length; i++) {
    apart += ((got[i] ?? 0) - (wanted[i] ?? 0)) ** 2;
    length += (wanted[i] ?? 0) ** 2;
  }
  const result = Math.sqrt(apart / length);
  return Number.isNaN(result) ? Number.POSITIVE_INFINITY : result;
}

/** Name of the earliest value of the file that the recovered graph computes otherwise; null when all are alike. */
async function firstDifference(imported: OnnxImport, probe: Probe): Promise<string | null> {
  const { graph, sources, values } = imported.graph(STYLES[0]);
  const shown = [...values].filter(([, { kind, origin }]) => kind === 'token' && origin !== '');
  const outputs = Object.fromEntries(shown.map(([name], i) => [`hidden.${i}`, name]));
  const probed: EncoderGraph = { ...graph, outputs };
  const program = await buildProgram(probed, { trainable: false }, (made, { name }) => {
    const source = sources.get(name);
    if (source) made.writeWeight(name, 0, 'f32', bytesOf(imported.weights.floats(source)));
  });
  try {
    const names = shown.map(([, { origin }]) => origin);
    const expected = await evaluatePlain(imported, probe, names);
    for (const [i, [, value]] of shown.entries()) {
      const wanted = expected.get(value.origin);
      if (wanted?.data.length !== value.width * probe.batch * probe.length) continue;
      const got = await runProbe(program, probed, `hidden.${i}`, probe);
      const rows = ragged(probe, [wanted.data], value);
      if (rows.length === got.length && largest(got, rows) > FLOAT_TOLERANCE) return value.origin;
    }
    return null;
  } finally {
    program.dispose();
  }
}
