/**
 * The plan of a file: which ranges of rows there are, and what their files are called.
 *
 * The rule: a plan follows from the bytes of the input and the options alone, so the same call makes the same plan with the same jobs.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { aboutFile, saveFile } from '../files/index.js';
import type { JobReadOptions, JobSettings } from './jobs.js';

/** What plan.json holds. */
export interface Plan {
  readonly sinterPlan: 1;
  /** The start of a hash over all other fields and the folder of the parts. */
  readonly name: string;
  /** The input as jobs name it. */
  readonly input: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly rows: number;
  readonly rowsPerJob: number;
  readonly read: JobReadOptions;
  readonly settings: JobSettings;
}

const FILE = 'plan.json';
/** Hexadecimal digits of a name: 64 bits. */
const DIGITS = 16;
/** Digits of rows in names of files: names sort as rows do, up to a billion billion. */
const ROW_DIGITS = 15;

export function makePlan(facts: Omit<Plan, 'sinterPlan' | 'name'>, folder: string): Plan {
  const hash = createHash('sha256').update(JSON.stringify([facts, folder]));
  return { sinterPlan: 1, name: hash.digest('hex').slice(0, DIGITS), ...facts };
}

/** The ranges in their order. */
export function* rangesOf({
  rows,
  rowsPerJob,
}: Pick<Plan, 'rows' | 'rowsPerJob'>): Generator<readonly [number, number]> {
  for (let from = 0; from < rows; from += rowsPerJob) {
    yield [from, Math.min(rows, from + rowsPerJob)];
  }
}

/** Name of the file of a range. */
export function partName([from, to]: readonly [number, number]): string {
  const digits = (row: number) => String(row).padStart(ROW_DIGITS, '0');
  return `part-${digits(from)}-${digits(to)}.jsonl`;
}

/** The id of a range's job. BullMQ takes no colons, and no ids that are numbers. */
export const jobIdOf = (plan: Plan, [from, to]: readonly [number, number]): string =>
  `${plan.name}-${from}-${to}`;

/** Writes the plan. RangeError where the folder holds another one. */
export async function keepPlan(where: string, folder: string, plan: Plan): Promise<void> {
  const there = await readPlan(folder);
  if (there === null) return saveFile(join(folder, FILE), `${JSON.stringify(plan, null, 2)}\n`);
  if (there.name === plan.name) return;
  throw new RangeError(
    `${where}: out must be an empty folder or that of the same input and options, got ${folder}, which has the parts of ${there.input}` +
      ` (plan ${there.name}, and this is ${plan.name})`,
  );
}

/** The plan in a folder; null where there is none. INVALID_DATA for a file that is no plan. */
export async function readPlan(folder: string): Promise<Plan | null> {
  const path = join(folder, FILE);
  const text = await aboutFile(path, () =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    }),
  );
  if (text === null) return null;
  const plan = parsed(text);
  if (plan !== null) return plan;
  throw new SinterError('INVALID_DATA', `${path} is no plan of a queue`, {
    details: { file: path },
  });
}

function parsed(text: string): Plan | null {
  try {
    const plan = JSON.parse(text) as Plan;
    const counts = [plan.rows, plan.rowsPerJob];
    const isPlan = plan.sinterPlan === 1 && counts.every((n) => Number.isSafeInteger(n) && n > 0);
    return isPlan && typeof plan.name === 'string' ? plan : null;
  } catch {
    return null;
  }
}
