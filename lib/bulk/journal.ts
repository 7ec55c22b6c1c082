/**
 * The journal of a bulk job: a file of JSON lines beside its result. The first says what the job is, each further one how far it is.
 *
 * The rule: a line is appended only when the rows that it tells of are on the disk. A last line that is torn counts as not written.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { saveFile, syncFile } from '../files/index.js';

const FORM = 'sinter-bulk-1';

/** What a job is. */
export interface BulkSubject {
  /** All that its result depends on: input, model, options. Values are compared and shown one by one. */
  readonly subject: JsonObject;
  /** Rows of the input. */
  readonly total: number;
}

/** How far a job is. */
export interface BulkStep {
  /** Rows that are in the file. */
  readonly rows: number;
  /** Bytes of the file that hold them. */
  readonly bytes: number;
  /** What a writer has to know of the rows since the step before, beside their bytes. */
  readonly note: JsonValue;
}

/** A journal that was found. */
export interface FoundJournal extends BulkSubject {
  readonly steps: readonly BulkStep[];
  /** Bytes of the file when all rows and whatever follows them were written; null before that. */
  readonly finished: number | null;
  /** Bytes of the journal without `finished` and without a torn line. */
  readonly length: number;
}

/** The journal at `path`; null where there is none. INVALID_DATA for a file that is no journal, or a damaged one. */
export async function findJournal(path: string): Promise<FoundJournal | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const lines = text.split('\n');
  // What follows the last line feed: nothing, or a torn line.
  lines.pop();
  const wrong = (what: string) => journalProblem(path, what);
  const [first = '', ...rest] = lines;
  const head = jsonIn(first);
  if (!isHead(head)) throw wrong('is not the journal of a bulk job');
  const { subject, total } = head;
  const steps: BulkStep[] = [];
  let length = Buffer.byteLength(first) + 1;
  for (const [i, line] of rest.entries()) {
    const value = jsonIn(line);
    const isLast = i === rest.length - 1;
    if (isLast && isFinish(value))
      return { subject, total, steps, finished: value.finished, length };
    if (!isStep(value, steps.at(-1), total)) throw wrong(`is damaged in line ${i + 2}`);
    steps.push(value);
    length += Buffer.byteLength(line) + 1;
  }
  return { subject, total, steps, finished: null, length };
}

/** INVALID_DATA about a journal. */
export function journalProblem(path: string, what: string): SinterError {
  return new SinterError('INVALID_DATA', `${path}: ${what}`, { details: { file: path } });
}

/** Writes a journal, a line at a time. */
export class JournalWriter {
  private constructor(
    private readonly file: FileHandle,
    private length: number,
  ) {}

  /** Makes a new journal in place of any other. */
  static async create(path: string, { subject, total }: BulkSubject): Promise<JournalWriter> {
    const head = `${JSON.stringify({ form: FORM, subject, total })}\n`;
    await saveFile(path, head);
    return new JournalWriter(await open(path, 'r+'), Buffer.byteLength(head));
  }

  /** Goes on with a journal behind its last step. */
  static async resume(path: string, { length }: FoundJournal): Promise<JournalWriter> {
    const file = await open(path, 'r+');
    await file.truncate(length);
    return new JournalWriter(file, length);
  }

  step({ rows, bytes, note }: BulkStep): Promise<void> {
    return this.append({ rows, bytes, note });
  }

  finish(bytes: number): Promise<void> {
    return this.append({ finished: bytes });
  }

  private async append(value: JsonObject): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    await writeAll(this.file, line, this.length);
    this.length += line.length;
    await syncFile(this.file);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

/** Writes all bytes from a position on: a single write may end early. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const left = bytes.length - done;
    done += (await file.write(bytes, done, left, position + done)).bytesWritten;
  }
}

function jsonIn(line: string): JsonValue | undefined {
  try {
    return JSON.parse(line) as JsonValue;
  } catch {
    return undefined;
  }
}

const isCount = (value: JsonValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

function isHead(value: JsonValue | undefined): value is JsonObject & BulkSubject {
  if (!isJsonObject(value) || value.form !== FORM) return false;
  return isJsonObject(value.subject) && isCount(value.total);
}

function isFinish(value: JsonValue | undefined): value is { readonly finished: number } {
  return isJsonObject(value) && isCount(value.finished);
}

function isStep(
  value: JsonValue | undefined,
  before: BulkStep | undefined,
  total: number,
): value is JsonObject & BulkStep {
  if (!isJsonObject(value) || !isCount(value.rows) || !isCount(value.bytes)) return false;
  if (value.note === undefined || value.rows > total) return false;
  return value.rows > (before?.rows ?? 0) && value.bytes >= (before?.bytes ?? 0);
}
