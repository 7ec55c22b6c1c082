/**
 * What an ONNX file computes on a probe, for comparing: its own graph by the reference evaluator, in floats.
 *
 * Activations that the file quantizes are not rounded but keep the ends of their ranges that are zero: those may stand for a
 * ReLU. Ends elsewhere were calibrated and only cut what is rare; where one cuts more it is part of the function, which no
 * operation here says, and the file is refused.
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

/** Largest difference, in parts of the largest number of the output. */
export const FLOAT: Limit = { tolerance: 2e-5, measure: largest };
/** The file's scales, epsilons and angles have 16 bits; here an epsilon is what it was before. */
const HALF: Limit = { tolerance: 1e-3, measure: largest };

/** Parts of the length of a quantized value that a calibrated range may cut on texts that it has not seen. */
const MOST_CUT = 0.6;
/** The same of a range that ends at a round number: that of a Clip which a tool removed. */
const MOST_CUT_ROUND = 0.05;
/** Parts of the length of an output by which all calibrated ranges together may change it. */
const MOST_CHANGED = 0.5;
/** The file's own rounding is worth a word from here on. */
const COARSE = 0.2;

export interface Expected {
  /** By the name of the file's value. */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly limit: Limit;
  readonly notes: readonly string[];
}

/** Throws UNSUPPORTED_MODEL that names a quantizer whose range is part of the function. */
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
  // A value that only the plain form has: it counts where the plain form's outputs are the file's.
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

/** What calibrated ranges and rounding do. `distances` of outputs from others; null: those with ranges from zero only. */
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
    .find(({ found, share }) => share > (isRound(found) ? MOST_CUT_ROUND : MOST_CUT));
  const most = worst ?? shares.filter(({ found }) => !found.isMask)[0];
  if (most !== undefined && (worst !== undefined || changed > MOST_CHANGED)) {
    throw cutsOff(imported.path, most.name, most.found, most.share);
  }
  const notes: string[] = [];
  const masks = shares.filter(({ found, share }) => found.isMask && share > MOST_CUT);
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

/** Whether a range ends at a number of two digits, or is as wide: -1 to 1 may be -1.004 to 0.996 in steps. */
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
