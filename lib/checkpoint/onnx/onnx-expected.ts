/**
 * The values of an ONNX file on a probe, for comparison: its own graph, evaluated by the reference evaluator in floats.
 *
 * Quantized activations are not rounded. Ends of their ranges at zero still cut, because they may stand for a ReLU. Other
 * ends were calibrated and should cut only rare numbers; a range that cuts more is part of the function, which no operation
 * here can express, so the file is refused.
 */

import { SinterError } from '../../core/errors.js';
import {
  type Cut,
  evaluateFile,
  evaluatePlain,
  type OnnxImport,
  type Probe,
} from '../../formats/onnx/import/index.js';
import type { Ahead } from './ahead.js';
import { nativeMultiply as multiply } from './native-multiply.js';
import { distance, fileRows, largest, type Pair } from './probe-rows.js';

export interface Limit {
  readonly tolerance: number;
  readonly measure: (got: Float32Array, wanted: Float32Array) => number;
}

/** Largest difference, relative to the largest number of the output. */
export const FLOAT: Limit = { tolerance: 2e-5, measure: largest };
/** Limit for files whose scales, epsilons and angles have 16 bits; the model has the epsilon from before rounding. */
const HALF: Limit = { tolerance: 1e-3, measure: largest };

/**
 * Largest part of a quantized value that a calibrated range may cut off on unseen texts, as a share of its Euclidean length.
 */
const MAX_CUT = 0.6;
/** The same for a range with a round number as end: it may be that of a Clip which a tool removed. */
const MAX_CUT_ROUND = 0.05;
/** Largest change of an output by all calibrated ranges together, as a share of its Euclidean length. */
const MAX_CHANGED = 0.5;
/** Change by the file's own rounding from which on a note mentions it. */
const COARSE = 0.2;

export interface Expected {
  /** Rows without padding, by the name of the file's value. */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly limit: Limit;
  readonly notes: readonly string[];
}

/** Evaluates the file for `pairs`. Throws UNSUPPORTED_MODEL that names a quantizer whose range is part of the function. */
export async function expectedOf(
  imported: OnnxImport,
  probe: Probe,
  pairs: readonly Pair[],
  ahead: Ahead | null,
): Promise<Expected> {
  const { plain, recovered } = imported;
  const inFile = new Set(plain.source.graph.nodes.flatMap(({ outputs }) => outputs));
  const own = new Set(recovered.found.map(({ file }) => file));
  const wanted = [...new Set(pairs.map(({ file }) => file))];
  for (const name of wanted) if (inFile.has(name)) own.add(name);
  const limit = plain.half === null ? FLOAT : HALF;
  const guess = { files: plain.source.files, roles: recovered.inputs.roles, probe };
  const values =
    (await ahead?.take({ ...guess, outputs: [...own] })) ??
    (await evaluateFile(imported, probe, [...own], {
      ranges: { clamps: 'zero', cuts: new Map() },
      multiply,
    }));
  const rowsOf = (from: typeof values, pair: Pick<Pair, 'file' | 'value' | 'column'>) =>
    fileRows(probe, from.get(pair.file)?.data ?? [], pair);
  const isStatic = [...plain.activations.values()].some(({ kind }) => kind === 'static');
  const outputs = recovered.found.map(({ file }) => file);
  const notes = isStatic
    ? await rangesOf(imported, probe, outputs, (from, to) =>
        recovered.found.map((pair) => {
          // The first text has no padding.
          const count = pair.value.kind === 'sequence' ? 1 : (probe.lengths[0] ?? 0);
          const first = (rows: Float32Array) =>
            rows.subarray(0, (count * rows.length) / rowCount(probe, pair));
          return distance(first(rowsOf(to, pair)), first(rowsOf(from ?? values, pair)));
        }),
      )
    : [];
  const rows = new Map<string, Float32Array>();
  for (const pair of pairs) if (own.has(pair.file)) rows.set(pair.file, rowsOf(values, pair));
  const inner = wanted.filter((name) => !own.has(name));
  if (inner.length === 0) return { values: rows, limit, notes };
  // Some values exist in the plain form only. They count if the plain form's outputs equal the file's.
  const made = await evaluatePlain(imported, probe, [...outputs, ...inner], { multiply });
  for (const pair of recovered.found) {
    const worst = limit.measure(rowsOf(made, pair), rowsOf(values, pair));
    if (!(worst <= limit.tolerance)) throw plainDiffers(imported.path, pair.file, worst);
  }
  for (const pair of pairs) if (!own.has(pair.file)) rows.set(pair.file, rowsOf(made, pair));
  return { values: rows, limit, notes };
}

function rowCount({ batch, lengths }: Probe, { value }: Pick<Pair, 'value'>): number {
  return value.kind === 'sequence' ? batch : lengths.reduce((sum, n) => sum + n, 0);
}

type Values = Awaited<ReturnType<typeof evaluateFile>>;

/**
 * Effects of calibrated ranges and rounding, as notes. `distances` compares the outputs `to` with those `from`; null: with
 * those where only ends at zero cut.
 */
async function rangesOf(
  imported: OnnxImport,
  probe: Probe,
  outputs: readonly string[],
  distances: (from: Values | null, to: Values) => readonly number[],
): Promise<string[]> {
  const cuts = new Map<string, Cut>();
  const cut = await evaluateFile(imported, probe, outputs, {
    ranges: { clamps: 'all', cuts },
    multiply,
  });
  const changed = Math.max(0, ...distances(null, cut));
  const shares = [...cuts].map(([name, found]) => ({ name, found, share: shareOf(found) }));
  const worst = shares
    .filter(({ found }) => !found.isMask)
    .sort((a, b) => b.share - a.share)
    .find(({ found, share }) => share > (isRound(found) ? MAX_CUT_ROUND : MAX_CUT));
  const most = worst ?? shares.filter(({ found }) => !found.isMask)[0];
  if (most !== undefined && (worst !== undefined || changed > MAX_CHANGED)) {
    throw cutsOff(imported.path, most.name, most.found, most.share);
  }
  const notes: string[] = [];
  const masks = shares.filter(({ found, share }) => found.isMask && share > MAX_CUT);
  if (masks[0] !== undefined) {
    notes.push(
      `the range of ${masks[0].name} cuts off the mask: the file itself reads padding, which no text has here`,
    );
  }
  const rounded = Math.max(
    0,
    ...distances(cut, await evaluateFile(imported, probe, outputs, { multiply })),
  );
  if (!(rounded <= COARSE)) {
    const how = Number.isFinite(rounded)
      ? `by ${rounded.toPrecision(2)} of their length`
      : 'to NaN';
    notes.push(`the file's own rounding of activations changes its outputs ${how}; it is left out`);
  }
  return notes;
}

function shareOf({ cut, all }: Cut): number {
  return all > 0 ? Math.sqrt(cut / all) : 0;
}

/** Whether an end of the range, or its width, is a number of two digits: -1 to 1 may be stored as -1.004 to 0.996. */
function isRound({ low, high }: Cut): boolean {
  return [low, high, high - low].some((end) => {
    const short = Number(end.toPrecision(2));
    return end !== 0 && Math.abs(end - short) <= 2e-7 * Math.abs(end);
  });
}

function cutsOff(path: string, name: string, { low, high }: Cut, share: number): SinterError {
  const range = `${low.toPrecision(4)} to ${high.toPrecision(4)}`;
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: the range of the quantized value ${name}, ${range}, cuts off ${(100 * share).toFixed(0)} % of it:` +
      ' it is part of what the file computes, and no operation here says it',
    { details: { file: path, category: 'unsupported', value: name } },
  );
}

function plainDiffers(path: string, output: string, difference: number): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: verification failed: output ${output} differs from its plain form by ${difference.toPrecision(3)} of its size`,
    { details: { file: path, output, difference, value: '' } },
  );
}
