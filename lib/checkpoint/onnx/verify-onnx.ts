/**
 * Verifies an ONNX import: compares outputs on a short ragged batch with the reference evaluator, which shares no code with
 * recovery or the native program.
 *
 * The program in floats is compared with the file's own graph, whose quantized activations keep their ranges but are not
 * rounded. An int8 program is compared too. A mismatch is UNSUPPORTED_MODEL: never a wrong model.
 */

import { SinterError } from '../../core/errors.js';
import {
  evaluatePlain,
  type OnnxImport,
  type Probe,
  probeFor,
  STYLES,
} from '../../formats/onnx/import/index.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { ensureLanes } from '../../native/lanes.js';
import type { NativeProgram } from '../../native/program.js';
import { buildProgram, bytesOf, disposeProgram } from '../../runtime/program.js';
import { int8Products } from '../../runtime/widen-products.js';
import type { Ahead } from './ahead.js';
import { nativeMultiply } from './native-multiply.js';
import { type Expected, expectedOf, FLOAT, type Limit } from './onnx-expected.js';
import { probeLength } from './probe-length.js';
import { type ProbeOutputs, ProgramOutputs } from './probe-outputs.js';
import {
  columnOf,
  distance,
  fileRows,
  largest,
  type Pair,
  pairsOf,
  runProbe,
} from './probe-rows.js';

/**
 * Limit of an int8 program, as a share of the output's Euclidean length: its activations have 8 bits and a range for each
 * run.
 */
const INT8: Limit = { tolerance: 0.2, measure: distance };

/** Result of the comparison of an imported model with its file. */
export interface Verification {
  /** Names of the outputs compared. */
  readonly outputs: readonly string[];
  /**
   * Largest difference, relative to the largest number of the output (int8: Euclidean length of the difference, relative to
   * that of the output).
   */
  readonly difference: number;
  /** Largest difference that is accepted. */
  readonly tolerance: number;
  /** Parts of the file's own arithmetic that the model leaves out, with figures. */
  readonly notes: readonly string[];
  /** Duration in milliseconds. */
  readonly ms: number;
}

/**
 * Compares `program`, which runs `graph`, with the file. Outputs in `replaced` are not compared: the caller has chosen others
 * than the file's. Throws UNSUPPORTED_MODEL naming the first value that differs.
 */
export async function verifyOnnx(
  imported: OnnxImport,
  graph: EncoderGraph,
  program: NativeProgram,
  replaced: readonly OutputName[] = [],
): Promise<Verification> {
  const outputs = new ProgramOutputs(graph, program);
  try {
    const expected = await expectOutputs(imported, graph, replaced);
    return await verifyOutputs(imported, graph, outputs, expected);
  } finally {
    await outputs.close();
  }
}

/** The file's own values on a probe, with which a program is compared. */
export interface Expectation {
  readonly probe: Probe;
  readonly pairs: readonly Pair[];
  readonly expected: Expected;
  readonly ms: number;
}

/** Evaluates the file for a program that runs `graph` and may not be built yet. `ahead` may have the values already. */
export async function expectOutputs(
  imported: OnnxImport,
  graph: EncoderGraph,
  replaced: readonly OutputName[],
  ahead: Ahead | null = null,
): Promise<Expectation> {
  const begin = performance.now();
  const probe = probeFor(imported.recovered, probeLength(graph));
  const pairs = pairsOf(imported, graph, replaced);
  if (pairs.length === 0) {
    const { path } = imported;
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: no value of the file can be compared with the recovered model`,
      { details: { file: path } },
    );
  }
  const expected = await expectedOf(imported, probe, pairs, ahead);
  return { probe, pairs, expected, ms: performance.now() - begin };
}

/** As `verifyOnnx`, for a program that may be in another thread. */
export async function verifyOutputs(
  imported: OnnxImport,
  graph: EncoderGraph,
  program: ProbeOutputs,
  { probe, pairs, expected, ms: before }: Expectation,
): Promise<Verification> {
  const begin = performance.now();
  const { values, limit, notes } = expected;
  const verify = new Comparison(imported, probe, pairs, values);
  const products = int8Products(graph);
  if (products.size > 0) await verify.program(program, true, limit);
  const own = products.size === 0 ? limit : INT8;
  const difference = await verify.program(program, false, own);
  const { tolerance } = own;
  const ms = before + performance.now() - begin;
  const outputs = [...new Set(pairs.map(({ output }) => output))];
  return { outputs, difference, tolerance, notes, ms };
}

class Comparison {
  constructor(
    private readonly imported: OnnxImport,
    private readonly probe: Probe,
    private readonly pairs: readonly Pair[],
    private readonly expected: ReadonlyMap<string, Float32Array>,
  ) {}

  /** Returns the largest difference of an output; throws when it exceeds the limit. */
  async program(program: ProbeOutputs, wide: boolean, limit: Limit): Promise<number> {
    const { imported, probe, pairs, expected } = this;
    let difference = 0;
    for (const pair of pairs) {
      const got = columnOf(await program.run(pair.output, probe, wide), pair);
      const worst = limit.measure(got, expected.get(pair.file) ?? new Float32Array());
      difference = Math.max(difference, worst);
      if (worst <= limit.tolerance) continue;
      const first = limit !== INT8 ? await firstDifference(imported, probe) : null;
      throw failed(imported.path, pair.file, 'the recovered model', worst, first);
    }
    return difference;
  }
}

function failed(
  path: string,
  output: string,
  other: string,
  difference: number,
  value: string | null,
): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: verification failed: output ${output} differs from ${other} by ${difference.toPrecision(3)}` +
      ` of its size${value === null ? '' : `; the first value that differs is ${value}`}`,
    { details: { file: path, output, difference, value: value ?? '' } },
  );
}

/** Name of the file's earliest value that the recovered graph computes differently; null when all are equal. */
async function firstDifference(imported: OnnxImport, probe: Probe): Promise<string | null> {
  // A worker thread has lanes of its own, which this call sets up.
  ensureLanes('load', undefined);
  const { graph, sources, values } = imported.graph(STYLES[0]);
  // Intermediate values have the origin of the value that they lead to; the last one made is the one to compare.
  const last = new Map<string, number>();
  for (const { origin, id } of values.values()) {
    last.set(origin, Math.max(id, last.get(origin) ?? id));
  }
  const shown = [...values].filter(
    ([, { kind, origin, id }]) => kind === 'token' && origin !== '' && last.get(origin) === id,
  );
  const outputs = Object.fromEntries(shown.map(([name], i) => [`hidden.${i}`, name]));
  const probed: EncoderGraph = { ...graph, outputs };
  const program = await buildProgram(probed, { trainable: false }, (made, { name }) => {
    const source = sources.get(name);
    if (source) made.writeWeight(name, 0, 'f32', bytesOf(imported.weights.floats(source)));
  });
  try {
    const names = shown.map(([, { origin }]) => origin);
    const expected = await evaluatePlain(imported, probe, names, { multiply: nativeMultiply });
    for (const [i, [, value]] of shown.entries()) {
      const wanted = expected.get(value.origin);
      if (wanted?.data.length !== value.width * probe.batch * probe.length) continue;
      const got = await runProbe(program, probed, `hidden.${i}`, probe);
      const rows = fileRows(probe, wanted.data, { value, column: null });
      if (rows.length === got.length && largest(got, rows) > FLOAT.tolerance) return value.origin;
    }
    return null;
  } finally {
    disposeProgram(program);
  }
}
