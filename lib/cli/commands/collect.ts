/** `sinter collect`: joins what workers have made of the jobs of `sinter enqueue`, and proves that every row is there once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { SinterError, throwIfAborted } from '../../core/errors.js';
import { formatBytes, formatCount } from '../../core/units.js';
import { type CollectReport, collect } from '../../worker/index.js';
import { usageMistake, withCommon } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';

interface CollectFlags extends CommonOptions {
  readonly out?: string;
  readonly wait?: boolean;
}

/** Time between two looks at the folder, for --wait. */
const LOOK_MS = 2000;

export function addCollect(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('collect')
    .summary('join the results of a queue')
    .description(
      'Joins the results in a folder of `sinter enqueue` into one file of JSON lines, in the order of the rows, and proves that every ' +
        'row is there exactly once. Where rows are missing nothing is written, the message names them, and the exit code is 3.',
    )
    .argument('<folder>', 'folder of the results')
    .option('-o, --out <file>', 'file to write')
    .option('--wait', 'wait until no row is missing')
    .addHelpText('after', '\nExamples:\n  $ sinter collect vectors --out vectors.jsonl --wait\n')
    .action((folder: string, options: CollectFlags) => joinResults(folder, options, surroundings));
  withCommon(command);
}

async function joinResults(
  folder: string,
  options: CollectFlags,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { out: file, wait = false } = options;
  if (file === undefined) throw usageMistake('give --out FILE, a file of JSON lines');
  const report = await (wait ? whenThere(folder, file, out) : collected(folder, file, out));
  const { rows, parts, task, version, bytes } = report;
  out.say(
    `${formatCount(rows, 'row')} of ${formatCount(parts, 'job')} (${task}, version ${version}) in ${file}, ${formatBytes(bytes)}`,
  );
  out.json({ out: file, ...report });
}

const collected = (folder: string, file: string, out: Console): Promise<CollectReport> =>
  collect(folder, file, { signal: out.signal });

/** Tries until no row is missing; tells how many are, whenever that has changed. */
async function whenThere(folder: string, file: string, out: Console): Promise<CollectReport> {
  let told: number | null = null;
  for (;;) {
    const missing = await collected(folder, file, out).catch(missingRows);
    if (typeof missing !== 'number') return missing;
    if (missing !== told) out.note(`${formatCount(missing, 'row')} to go`);
    told = missing;
    await sleep(LOOK_MS, undefined, { signal: out.signal }).catch(() => {});
    throwIfAborted(out.signal, 'collect');
  }
}

/** How many rows the error says are missing; any other error is thrown. */
function missingRows(error: unknown): number {
  const { missing, rows } = error instanceof SinterError ? error.details : {};
  if (missing !== undefined && typeof rows === 'number') return rows;
  throw error;
}
