/**
 * The files that a training writes its numbers to: lines of JSON, and event files of TensorBoard.
 *
 * An entry reaches the file in one write before the training goes on, so a killed process leaves whole entries, and at most
 * one that is cut off at the end.
 */

import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { jsonObjectOf } from '../core/json.js';
import { aboutFile } from '../files/index.js';
import { type EventContent, eventRecord } from '../formats/event-file.js';

/** What is logged at a step, by the names of `Trainer`. */
export type LogEntry = Readonly<Record<string, number>>;

/** A file that entries are appended to. */
export interface LogFile {
  /** Makes the file. Entries from step `from` on are removed or void; undefined: the file must be new. */
  begin(from: number | undefined): Promise<void>;
  write(step: number, entry: LogEntry): Promise<void>;
  close(): Promise<void>;
}

function inUse(path: string, what: string): SinterError {
  const message = `${path}: ${what}; go on with it (resume: true), or name another place`;
  return new SinterError('INVALID_DATA', message, { details: { file: path } });
}

/** One JSON object a line. A number that is not finite, which JSON lacks, is null. */
export class JsonLines implements LogFile {
  private file: FileHandle | undefined;
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async begin(from: number | undefined): Promise<void> {
    const { path } = this;
    await aboutFile(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      this.file = await open(path, 'a+');
      const text = await this.file.readFile('utf8');
      if (text === '') return;
      if (from === undefined) throw inUse(path, 'holds a log already');
      await this.file.truncate(bytesBefore(path, text, from));
    });
  }

  async write(step: number, entry: LogEntry): Promise<void> {
    const line = `${JSON.stringify({ ...entry, step })}\n`;
    await aboutFile(this.path, async () => this.file?.appendFile(line));
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
  }
}

/** Bytes of the lines before the first one about step `from` or a later one. Throws INVALID_DATA at a line that is no entry of a log. */
function bytesBefore(path: string, text: string, from: number): number {
  const lines = text.split('\n');
  // The end of the text: empty, or a line that a killed process could not finish.
  lines.pop();
  let bytes = 0;
  for (const [i, line] of lines.entries()) {
    const { step } = jsonObjectOf(line) ?? {};
    if (typeof step !== 'number') {
      const details = { file: path, line: i + 1 };
      const what = 'must be a JSON object with a step, as a log of a training has';
      throw new SinterError('INVALID_DATA', `${path}:${i + 1}: ${what}`, { details });
    }
    if (step >= from) break;
    bytes += Buffer.byteLength(line) + 1;
  }
  return bytes;
}

const EVENT_FILE = /^events\.out\.tfevents\.(\d+)\./;

/** Tag of a field, as `Trainer` names it. */
function tagOf(name: string): string {
  return name.startsWith('eval_') ? `eval/${name.slice('eval_'.length)}` : `train/${name}`;
}

/** Event files of TensorBoard: one for each run of the process, in one folder. */
export class EventFiles implements LogFile {
  private readonly folder: string;
  private path = '';
  private file: FileHandle | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  async begin(from: number | undefined): Promise<void> {
    const { folder } = this;
    await aboutFile(folder, () => mkdir(folder, { recursive: true }));
    const names = await aboutFile(folder, () => readdir(folder));
    const times = names.flatMap((name) => Number(EVENT_FILE.exec(name)?.[1] ?? []));
    const others = times.filter((time) => !Number.isNaN(time));
    if (others.length > 0 && from === undefined) throw inUse(folder, 'holds event files already');
    // Readers take the files in the order of their names.
    const time = others.reduce(
      (last, one) => Math.max(last, one + 1),
      Math.floor(Date.now() / 1000),
    );
    const stamp = String(time).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}.0`);
    this.file = await aboutFile(this.path, () => open(this.path, 'wx'));
    await this.append(0, { fileVersion: 'brain.Event:2' });
    // Readers forget the steps from this one on that an earlier file has.
    if (others.length > 0 && from !== undefined) await this.append(from, { restart: true });
  }

  async write(step: number, entry: LogEntry): Promise<void> {
    const scalars = Object.entries(entry).map(([name, value]) => [tagOf(name), value] as const);
    await this.append(step, { scalars: Object.fromEntries(scalars) });
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
  }

  private async append(step: number, content: EventContent): Promise<void> {
    const record = await eventRecord(Date.now() / 1000, step, content);
    await aboutFile(this.path, async () => this.file?.appendFile(record));
  }
}
