/**
 * Joins the files of a plan's ranges, in the order of the rows, and proves that every row is there exactly once.
 *
 * The rule: the result appears whole or not at all, and only where nothing is missing, doubled or of another model.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError, throwIfAborted, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { writeFileAtomic } from '../files/index.js';
import { headOf, isSamePart, type PartHead, readPartHead } from './part-file.js';
import { type Plan, partName, rangesOf, readPlan } from './plan.js';

/** Options of `collect`. */
export interface CollectOptions {
  readonly signal?: AbortSignal;
}

/** What `collect` wrote. */
export interface CollectReport {
  readonly rows: number;
  readonly parts: number;
  readonly task: string;
  /** Version of the model of all rows. */
  readonly version: string;
  readonly bytes: number;
}

/** Missing ranges that a message names; `details.missing` has all up to the second number. */
const SHOWN = 10;
const MAX_DETAILS = 1000;
/** Lines that are written at a time. */
const GROUP_LINES = 512;

type Range = readonly [number, number];

export async function joinParts(
  folder: string,
  out: string,
  options: CollectOptions,
): Promise<CollectReport> {
  const where = 'collect';
  const signal = readOptions<CollectOptions>(where, options, { signal: true }).signal();
  for (const [name, value] of [
    ['folder', folder],
    ['out', out],
  ] as const) {
    if (typeof value !== 'string') throw typeMistake(`${where}: ${name}`, 'a path', value);
  }
  const plan = await readPlan(folder);
  if (plan === null) {
    const what = `${folder} has no plan.json: enqueueFile makes it`;
    throw new SinterError('NOT_FOUND', what, { details: { file: folder } });
  }
  const head = await checkParts(folder, plan, signal);
  const [parts, bytes] = await writeFileAtomic(out, async (file) => {
    let [count, size] = [0, 0];
    for (const rows of rangesOf(plan)) {
      throwIfAborted(signal, where);
      for await (const lines of partLines(join(folder, partName(rows)), rows)) {
        await file.appendFile(lines);
        size += Buffer.byteLength(lines);
      }
      count += 1;
    }
    return [count, size] as const;
  });
  return { rows: plan.rows, parts, task: head.task, version: head.version, bytes };
}

/** The head that all parts agree on. INVALID_DATA that names the ranges that are missing, or of another model. */
async function checkParts(
  folder: string,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<PartHead> {
  const missing: Range[] = [];
  const byVersion = new Map<string, { readonly head: PartHead; readonly ranges: Range[] }>();
  for (const rows of rangesOf(plan)) {
    throwIfAborted(signal, 'collect');
    const head = await readPartHead(join(folder, partName(rows)));
    if (head === null || !isSamePart(head, { plan: plan.name, rows })) {
      missing.push(rows);
      continue;
    }
    const same = byVersion.get(head.version) ?? { head, ranges: [] };
    same.ranges.push(rows);
    byVersion.set(head.version, same);
  }
  if (missing.length > 0) throw missingRanges(folder, plan, missing);
  const [first, second] = [...byVersion.values()].sort((a, b) => b.ranges.length - a.ranges.length);
  if (first === undefined || second === undefined) return (first as { head: PartHead }).head;
  const what =
    `${folder}: parts of several models: most are of version ${first.head.version}, and rows ${shown(second.ranges)} of ` +
    `${second.head.version}; remove those files and enqueue the input again`;
  throw new SinterError('INVALID_DATA', what, { details: { file: folder } });
}

const named = ([from, to]: Range): string => `${from} to ${to - 1}`;

function shown(ranges: readonly Range[]): string {
  const more = ranges.length - SHOWN;
  return (
    ranges.slice(0, SHOWN).map(named).join(', ') + (more > 0 ? ` and ${more} more ranges` : '')
  );
}

function missingRanges(folder: string, plan: Plan, missing: readonly Range[]): SinterError {
  const rows = missing.reduce((sum, [from, to]) => sum + to - from, 0);
  return new SinterError(
    'INVALID_DATA',
    `${folder}: ${rows} of ${plan.rows} rows are missing: rows ${shown(missing)}; they are not computed yet, or their jobs failed`,
    { details: { file: folder, rows, missing: missing.slice(0, MAX_DETAILS).map(named) } },
  );
}

/** The lines of a part without its head, in groups. INVALID_DATA where its rows are not exactly those of the range. */
async function* partLines(path: string, [from, to]: Range): AsyncGenerator<string> {
  const file = await open(path, 'r');
  try {
    let row = from - 1;
    let group: string[] = [];
    for await (const line of file.readLines({ encoding: 'utf8' })) {
      if (row === from - 1 && headOf(line) !== null) row = from;
      else if (row >= from && row < to && isRow(line, row)) {
        group.push(`${line}\n`);
        row += 1;
      } else throw brokenPart(path, row);
      if (group.length < GROUP_LINES) continue;
      yield group.join('');
      group = [];
    }
    if (row !== to) throw brokenPart(path, row);
    if (group.length > 0) yield group.join('');
  } finally {
    await file.close();
  }
}

const isRow = (line: string, row: number): boolean =>
  (line.startsWith(`{"row":${row},`) || line === `{"row":${row}}`) && line.endsWith('}');

function brokenPart(path: string, row: number): SinterError {
  const what = `${path}: the line of row ${Math.max(0, row)} is missing or another one; remove the file and enqueue the input again`;
  return new SinterError('INVALID_DATA', what, { details: { file: path } });
}
