/**
 * Does one job: texts to results, or the rows of a file to a file of their own.
 *
 * The rule: doing a job twice, or in two processes at once, leaves the same bytes.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { insideRoot } from './job-files.js';
import {
  isTexts,
  type JobSettings,
  type RangeJob,
  type RangeResult,
  readJob,
  type TextsJob,
  type TextsResult,
} from './jobs.js';
import type { ModelRunner } from './model-runner.js';
import { isSamePart, type PartHead, partLine, readPartHead, writePart } from './part-file.js';
import { checkInput, rangeTexts } from './range-rows.js';

export interface JobContext {
  readonly runner: ModelRunner;
  /** Files of jobs are below it. */
  readonly root: string;
  readonly signal: AbortSignal;
  /** Told of the rows that are done. */
  readonly onRows: (rows: number) => void;
}

/** Texts that are computed at a time; the results of one group are in memory. */
const GROUP_TEXTS = 1024;
/** Results that are made objects of before others get their turn: some milliseconds. */
const TURN_RESULTS = 64;

/** Throws TypeError or RangeError for a job that nobody can do, and what the model and the files throw. */
export async function runJob(
  data: unknown,
  context: JobContext,
): Promise<TextsResult | RangeResult> {
  const job = readJob(data);
  context.runner.check(job.settings ?? {});
  return isTexts(job) ? runTexts(job, context) : runRange(job, context);
}

async function runTexts(
  { texts, settings = {} }: TextsJob,
  { runner, signal, onRows }: JobContext,
): Promise<TextsResult> {
  const { task, version } = runner;
  const results: TextsResult['results'][number][] = [];
  for (const json of await runNamed(runner, texts, settings, signal, 'job: texts', 0)) {
    results.push(JSON.parse(json));
    if (results.length % TURN_RESULTS === 0) await turn();
  }
  onRows(results.length);
  return { task, version, results };
}

async function runRange(job: RangeJob, context: JobContext): Promise<RangeResult> {
  const { runner, root, signal, onRows } = context;
  const { rows, settings = {} } = job;
  const [from, to] = rows;
  const input = insideRoot('job: input', root, job.input);
  const out = insideRoot('job: out', root, job.out);
  const { task, version } = runner;
  const head: PartHead = { sinterPart: 1, plan: job.plan ?? null, rows, task, version };
  const result = { task, version, rows: to - from, out: job.out };
  const there = await readPartHead(out);
  if (there !== null && isSamePart(there, head) && there.version === version) {
    return { ...result, wasThere: true };
  }
  await checkInput(input, job);
  await writePart(out, head, [input], async (add) => {
    let row = from;
    for await (const texts of groupsOf(rangeTexts(input, withColumns(job, runner), signal))) {
      throwIfAborted(signal, 'the job');
      const found = await runNamed(runner, texts, settings, signal, `${job.input}: row`, row);
      await add(found.map((json, i) => partLine(row + i, json)).join(''));
      row += found.length;
      onRows(found.length);
    }
  });
  return { ...result, wasThere: false };
}

/** The job with the columns of the kind of model, where it names none: question and context. */
function withColumns(job: RangeJob, { columns }: ModelRunner): RangeJob {
  if (columns === null || job.read?.header === false) return job;
  const [textColumn, pairColumn] = columns;
  return { ...job, read: { textColumn, pairColumn, ...job.read } };
}

async function* groupsOf(texts: AsyncIterable<TextInput>): AsyncGenerator<readonly TextInput[]> {
  let group: TextInput[] = [];
  for await (const text of texts) {
    group.push(text);
    if (group.length < GROUP_TEXTS) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

const PLACE = /^(?:\w+: )?texts\[(\d+)\]/;

/** Results with mistakes that name a text by its place in the job: `where` and its number from `first` on. */
async function runNamed(
  runner: ModelRunner,
  texts: readonly TextInput[],
  settings: JobSettings,
  signal: AbortSignal,
  where: string,
  first: number,
): Promise<readonly string[]> {
  try {
    return await runner.run(texts, settings, signal);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      error.message = error.message.replace(PLACE, (_, i) => `${where} ${first + Number(i)}`);
    }
    throw error;
  }
}
