/**
 * What a job of a queue holds, and what comes back.
 *
 * The rule: a job comes from outside, so all of it is checked before any work; a mistake names the field.
 */
import { rangeMistake, typeMistake } from '../core/errors.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import type { ReadOptions } from '../data/index.js';
import type { KindSettings } from '../models/kind-predictions.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** What may be asked of the model; a setting that means nothing to it is refused. */
export interface JobSettings extends KindSettings {
  /** Encoders: as for `embed`. */
  readonly dimensions?: number;
  readonly promptName?: string;
}

/** How the file of a job is read: options of `readRows` that a job can hold. */
export type JobReadOptions = Pick<
  ReadOptions,
  'format' | 'encoding' | 'textColumn' | 'pairColumn' | 'header' | 'delimiter' | 'quoting'
>;

/** Texts in the job itself, at most 4096; the results are the value that the job returns. */
export interface TextsJob {
  readonly texts: readonly TextInput[];
  readonly settings?: JobSettings;
}

/** Rows of a file, whose results go to another file. */
export interface RangeJob {
  /** A data file, within the folder of the worker. */
  readonly input: string;
  /** First row, and the row behind the last one, both counted from 0. */
  readonly rows: readonly [from: number, to: number];
  /** File of the results (JSON lines), within the folder of the worker. */
  readonly out: string;
  readonly read?: JobReadOptions;
  readonly settings?: JobSettings;
  /** Size of the input in bytes when the job was made: another one is refused. */
  readonly bytes?: number;
  /** Where the rows are in the input: its first bytes are needed to read any row (a header), and those from `from` to `to`. */
  readonly span?: FileSpan;
  /** Name of the plan that the range belongs to. */
  readonly plan?: string;
}

/** Places in a file, in bytes. */
export interface FileSpan {
  readonly head: number;
  readonly from: number;
  readonly to: number;
}

export type Job = TextsJob | RangeJob;

/** What a job with texts returns. */
export interface TextsResult {
  /** `embedding`, or the kind of the model as `--task` names it. */
  readonly task: string;
  /** The same for the same weights and settings. */
  readonly version: string;
  /** Vectors, or what `sinter predict` says of each text. */
  readonly results: readonly (readonly number[] | Readonly<Record<string, unknown>>)[];
}

/** What a job with a range returns. */
export interface RangeResult {
  readonly task: string;
  readonly version: string;
  readonly rows: number;
  readonly out: string;
  /** The file was there, complete and of this model: an earlier attempt wrote it. */
  readonly wasThere: boolean;
}

/** Texts of one job; results of more are too much for a value in Redis. */
export const MAX_TEXTS = 4096;

const TEXTS: KnownOptions<TextsJob> = { texts: true, settings: true };
const RANGE: KnownOptions<RangeJob> = {
  ...{ input: true, rows: true, out: true, read: true },
  ...{ settings: true, bytes: true, span: true, plan: true },
};
const READ: KnownOptions<JobReadOptions> = {
  ...{ format: true, encoding: true, textColumn: true, pairColumn: true },
  ...{ header: true, delimiter: true, quoting: true },
};

export const isTexts = (job: Job): job is TextsJob => 'texts' in job;

/** The data of a job. Throws TypeError or RangeError naming the field. */
export function readJob(data: unknown): Job {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw typeMistake('job', 'an object with texts, or with input, rows and out', data);
  }
  if ('texts' in data) return readTexts(data as TextsJob);
  const job = data as RangeJob;
  const read = readOptions<RangeJob>('job', job, RANGE);
  for (const name of ['input', 'out'] as const) {
    if (read.text(name, undefined) === undefined) {
      throw typeMistake(`job: ${name}`, 'the path of a file', undefined);
    }
  }
  checkRows(job.rows);
  read.count('bytes', undefined, 0);
  read.text('plan', undefined);
  if (job.read !== undefined) readOptions<JobReadOptions>('job: read', job.read, READ);
  if (job.span !== undefined) checkSpan(job.span);
  return job;
}

function readTexts(job: TextsJob): TextsJob {
  readOptions<TextsJob>('job', job, TEXTS);
  const { texts } = job;
  const what = `an array of 1 to ${MAX_TEXTS} texts`;
  if (!Array.isArray(texts)) throw typeMistake('job: texts', what, texts);
  if (texts.length === 0 || texts.length > MAX_TEXTS) throw rangeMistake('job: texts', what, texts);
  for (const [i, text] of texts.entries()) {
    const isPair = Array.isArray(text) && text.length === 2;
    const parts: readonly unknown[] = isPair ? text : [text];
    if (parts.every((part) => typeof part === 'string')) continue;
    throw typeMistake(`job: texts[${i}]`, 'a text or a pair of texts', text);
  }
  return job;
}

function checkRows(rows: RangeJob['rows']): void {
  const what = 'two whole numbers [from, to] with 0 <= from < to';
  if (!Array.isArray(rows) || rows.length !== 2) throw typeMistake('job: rows', what, rows);
  const [from, to] = rows;
  const isRange = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to;
  if (!isRange) throw rangeMistake('job: rows', what, `[${from}, ${to}]`);
}

function checkSpan(span: FileSpan): void {
  const read = readOptions<FileSpan>('job: span', span, { head: true, from: true, to: true });
  const [head, from, to] = (['head', 'from', 'to'] as const).map((name) => read.count(name, -1, 0));
  const isSpan = head !== undefined && from !== undefined && to !== undefined;
  if (isSpan && head >= 0 && head <= from && from < to) return;
  throw rangeMistake(
    'job: span',
    'places with 0 <= head <= from < to',
    `[${head}, ${from}, ${to}]`,
  );
}
