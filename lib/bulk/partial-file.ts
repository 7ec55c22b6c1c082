/**
 * A result that grows over several processes: `<file>.partial` with the rows so far and `<file>.journal` beside it.
 *
 * The rule: what the journal tells of is on the disk, and whatever lies behind that in the partial file is cut off. So a process may
 * be killed between any two instructions, and the next one goes on without losing or doubling a row.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import {
  aboutFile,
  Claim,
  checkFileTarget,
  checkFolder,
  checkSpace,
  followLinks,
  syncFile,
  syncFolder,
} from '../files/index.js';
import {
  type BulkStep,
  type BulkSubject,
  type FoundJournal,
  findJournal,
  JournalWriter,
  journalProblem,
  writeAll,
} from './journal.js';

/** Where an earlier process got to. */
export interface BulkProgress {
  readonly rows: number;
  readonly bytes: number;
  /** The notes of all steps, in their order. */
  readonly notes: readonly JsonValue[];
}

export class PartialFile implements AsyncDisposable {
  private file: FileHandle | null = null;
  private journal: JournalWriter | null = null;
  private position = 0;

  private constructor(
    private readonly path: string,
    private readonly target: string,
    private readonly claim: Claim,
    /** The journal of an earlier process; null where there is none. */
    readonly found: FoundJournal | null,
  ) {}

  /**
   * Claims `path` for this process. RangeError if it is no plain file or one of the inputs, FILE_SYSTEM if nothing can be written
   * there or another process is at it, INVALID_DATA for a damaged journal.
   */
  static async take(
    path: string,
    inputs: readonly string[],
    signal?: AbortSignal,
  ): Promise<PartialFile> {
    return aboutFile(path, async () => {
      const target = await followLinks(path);
      await checkFileTarget(target, inputs);
      for (const own of [partialOf(target), journalOf(target)]) {
        await checkFileTarget(own, inputs);
      }
      await checkFolder(path, target);
      const claim = await Claim.take(path, target, signal);
      try {
        return new PartialFile(path, target, claim, await findJournal(journalOf(target)));
      } catch (error) {
        await claim.end();
        throw error;
      }
    });
  }

  /** The path that holds the work while it is unfinished. */
  get partialPath(): string {
    return partialOf(this.named);
  }

  /** The file as the caller named it, unless that is a link to the file. */
  private get named(): string {
    return resolve(this.path) === this.target ? this.path : this.target;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.position;
  }

  /**
   * Begins the job, or goes on with it; null if an earlier process finished the file and was killed just before it could remove the
   * journal. INVALID_DATA if the journal is of another job, or if the partial file is not the one that it tells of.
   */
  async open(job: BulkSubject): Promise<BulkProgress | null> {
    return aboutFile(this.path, () => this.begin(job));
  }

  private async begin(job: BulkSubject): Promise<BulkProgress | null> {
    const { found, target } = this;
    const size = await sizeOf(partialOf(target));
    if (found === null) return this.beginNew(job, size);
    checkSubject(this.named, found.subject, job.subject);
    if (size === null && found.finished !== null) return this.end(found.finished);
    const last = found.steps.at(-1);
    // Killed between the journal's first line and the making of the file.
    if (size === null && last === undefined) return this.beginNew(job, size);
    const { rows, bytes } = last ?? { rows: 0, bytes: 0 };
    if (size === null || size < bytes) {
      const has = size === null ? 'is missing' : `has ${size} bytes`;
      throw journalProblem(
        this.partialPath,
        `${has}, and its journal tells of ${bytes}; ${anew(this.named)}`,
      );
    }
    this.file = await open(partialOf(target), 'r+');
    await this.file.truncate(bytes);
    this.journal = await JournalWriter.resume(journalOf(target), found);
    this.position = bytes;
    return { rows, bytes, notes: found.steps.map(({ note }) => note) };
  }

  private async beginNew(job: BulkSubject, size: number | null): Promise<BulkProgress> {
    const { target } = this;
    if (size !== null) {
      throw journalProblem(this.partialPath, 'is there without its journal; remove it');
    }
    this.journal = await JournalWriter.create(journalOf(target), job);
    this.file = await open(partialOf(target), 'wx');
    await syncFolder(dirname(target));
    return { rows: 0, bytes: 0, notes: [] };
  }

  /** The rename happened: only the journal is left to remove. */
  private async end(bytes: number): Promise<null> {
    const { path, target } = this;
    if ((await sizeOf(target)) !== bytes) {
      const what = `tells of a finished file of ${bytes} bytes, which ${path} is not; remove it`;
      throw journalProblem(journalOf(this.named), what);
    }
    await rm(journalOf(target));
    return null;
  }

  /** Throws FILE_SYSTEM if `bytes` more do not fit. */
  async needs(bytes: number): Promise<void> {
    await checkSpace(dirname(this.target), this.path, { total: bytes });
  }

  /** Writes behind what is there. */
  async append(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    await writeAll(this.opened, bytes, this.position);
    this.position += bytes.length;
  }

  /** Writes over bytes that are there. */
  async patch(bytes: Uint8Array, position: number): Promise<void> {
    await writeAll(this.opened, bytes, position);
  }

  /** From here on the next process goes on: all that was written is on the disk, and holds `rows` rows. */
  async commit(rows: number, note: JsonValue): Promise<void> {
    await syncFile(this.opened);
    const step: BulkStep = { rows, bytes: this.position, note };
    await this.journal?.step(step);
  }

  /** Brings the complete file to its place. */
  async place(): Promise<void> {
    const { target } = this;
    await aboutFile(this.path, async () => {
      await syncFile(this.opened);
      await this.journal?.finish(this.position);
      await this.close();
      await rename(partialOf(target), target);
      await syncFolder(dirname(target));
      await rm(journalOf(target));
    });
    await this.claim.end();
  }

  /** Leaves everything for the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    // What matters is on the disk since the last commit.
    await this.close().catch(() => {});
    await this.claim.end();
  }

  private get opened(): FileHandle {
    if (this.file !== null) return this.file;
    throw new SinterError('INTERNAL', `${this.path}: the partial file is not open`);
  }

  private async close(): Promise<void> {
    const { file, journal } = this;
    [this.file, this.journal] = [null, null];
    await file?.close();
    await journal?.close();
  }
}

function partialOf(path: string): string {
  return `${path}.partial`;
}

function journalOf(path: string): string {
  return `${path}.journal`;
}

function anew(path: string): string {
  return `remove ${journalOf(path)} and ${partialOf(path)} to begin anew`;
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
}

function checkSubject(path: string, found: JsonObject, wanted: JsonObject): void {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
  const text = (value: JsonValue | undefined) => JSON.stringify(value ?? null);
  const other = names.find((name) => text(found[name]) !== text(wanted[name]));
  if (other === undefined) return;
  const was = shown(found[other]);
  const what = `is of another job: ${other} was ${was} then and is ${shown(wanted[other])} now`;
  throw journalProblem(journalOf(path), `${what}; ${anew(path)}`);
}

const shown = (value: JsonValue | undefined): string =>
  value === undefined || value === null ? 'not given' : show(value);
