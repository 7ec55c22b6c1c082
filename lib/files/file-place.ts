/**
 * Files that appear whole or not at all: a single one, or several of one folder together.
 *
 * A file's place is taken before the work begins, so that foreseeable failures happen before the work and not after it.
 */
import { type FileHandle, lstat, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { aboutFile, errnoOf, fileError, fileSystemError, keptNote } from './file-error.js';
import { endAbandonedMoves, moveIn, removeQuietly } from './moves.js';
import { checkFileTarget, followLinks } from './places.js';
import { checkSpace, type Needs } from './space.js';
import { syncFile, syncFolder } from './sync.js';
import { newTemporary, release } from './temporary.js';

export interface FileOptions {
  /** Paths that the work reads: writing never replaces them. */
  readonly inputs?: readonly string[];
}

export class FilePlace {
  private isOver = false;

  private constructor(
    private readonly path: string,
    private readonly target: string,
    private readonly id: string,
    /** The temporary file; the caller writes the content into it. */
    readonly file: FileHandle,
  ) {}

  /**
   * Takes the place. Throws RangeError if `path` is not a plain file or is one of the inputs, FILE_SYSTEM if nothing can be
   * written there. End it with `place` or `discard`.
   */
  static async take(path: string, { inputs = [] }: FileOptions = {}): Promise<FilePlace> {
    if (typeof path !== 'string') throw typeMistake('file', 'a string', path);
    return aboutFile(path, async () => {
      const target = await followLinks(path);
      await checkFileTarget(target, inputs);
      await checkFolder(path, target);
      await endAbandonedMoves(dirname(target), true);
      const id = newTemporary(target);
      try {
        return new FilePlace(path, target, id, await open(temporary(target, id), 'wx'));
      } catch (error) {
        release(id);
        throw error;
      }
    });
  }

  /** Throws FILE_SYSTEM if files of this size do not fit. */
  async needs(needs: Needs): Promise<void> {
    await checkSpace(dirname(this.target), this.path, needs);
  }

  /** Closes the file and renames it to its path. If that fails, the complete file is kept and the error says where. */
  async place(): Promise<void> {
    const from = temporary(this.target, this.id);
    try {
      await syncFile(this.file);
      await this.file.close();
    } catch (error) {
      await this.discard();
      throw fileError(error, this.path);
    }
    this.isOver = true;
    try {
      await rename(from, this.target);
      await syncFolder(dirname(this.target));
    } catch (error) {
      throw await this.kept(from, error);
    } finally {
      release(this.id);
    }
  }

  /** Removes the temporary file; does nothing after `place`. */
  async discard(): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    await this.file.close().catch(() => {});
    await removeQuietly(temporary(this.target, this.id));
    release(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  private async kept(from: string, error: unknown): Promise<unknown> {
    const kept = join(dirname(this.target), `sinter-kept-${this.id.slice(-8)}`);
    const errno = errnoOf(error);
    const isKept = await rename(from, kept).then(
      () => true,
      () => false,
    );
    if (!isKept || errno === null) return fileError(error, this.path);
    return fileSystemError(errno, this.path, { kept, note: keptNote(kept), cause: error });
  }
}

/** The message about a missing folder names it, because the path of the file does not show which part is missing. */
export async function checkFolder(path: string, target: string): Promise<void> {
  const exists = await lstat(dirname(target)).then(
    () => true,
    (error: unknown) => errnoOf(error) !== 'ENOENT',
  );
  if (exists) return;
  throw fileSystemError('ENOENT', path, { note: `make the folder ${dirname(target)} first` });
}

function temporary(target: string, id: string): string {
  return join(dirname(target), `${id}.tmp`);
}

/**
 * Lets `write` fill a temporary file, then renames it to `path`, replacing a file of that name. Returns the result of
 * `write`.
 */
export async function writeFileAtomic<T>(
  path: string,
  write: (file: FileHandle, place: FilePlace) => Promise<T>,
  options: FileOptions = {},
): Promise<T> {
  const place = await FilePlace.take(path, options);
  try {
    const result = await write(place.file, place);
    await place.place();
    return result;
  } catch (error) {
    await place.discard();
    throw fileError(error, path);
  }
}

/** Throws the errors that writing to `path` would throw before its first byte. For commands that write at their end. */
export async function checkFile(path: string, options: FileOptions = {}): Promise<void> {
  await (await FilePlace.take(path, options)).discard();
}

/** Writes text or bytes to a temporary file, then renames it to `path`. */
export async function saveFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeFileAtomic(path, (file) => file.writeFile(data));
}

export type FileWriter = (file: FileHandle) => Promise<void>;

/** One of several files: its name in their folder, its size if known, and the function that fills it. */
export interface FileToWrite {
  readonly name: string;
  readonly bytes?: number;
  readonly write: FileWriter;
}

/**
 * Writes files of one folder that belong together, all or none. They are written into a hidden folder, then moved to their
 * places. If the process ends between two moves, the next process that writes to the folder or loads from it completes them.
 */
export async function writeFilesAtomic(
  folder: string,
  files: readonly FileToWrite[],
): Promise<void> {
  const sizes = files.map(({ bytes = 0 }) => bytes);
  const needs = { total: sizes.reduce((sum, size) => sum + size, 0), largest: Math.max(...sizes) };
  const [first] = files;
  if (first !== undefined && files.length === 1) {
    await writeFileAtomic(join(folder, first.name), async (file, place) => {
      await place.needs(needs);
      await first.write(file);
    });
    return;
  }
  const about = join(folder, files.at(-1)?.name ?? '');
  await aboutFile(about, () => writeSet(folder, files, about, needs));
}

async function writeSet(
  folder: string,
  files: readonly FileToWrite[],
  about: string,
  needs: Needs,
): Promise<void> {
  await endAbandonedMoves(folder, true);
  for (const { name } of files) await checkOfSet(join(folder, name));
  await checkSpace(folder, about, needs);
  const id = newTemporary(about);
  const hidden = temporary(about, id);
  try {
    await mkdir(hidden);
    for (const { name, write } of files) {
      await aboutFile(join(folder, name), () => writeSynced(join(hidden, name), write));
    }
    await syncFolder(hidden);
    await moveIn(folder, id, 'set');
  } catch (error) {
    await removeQuietly(hidden);
    release(id);
    throw error;
  }
}

/** Symbolic links are refused: the files behind them may lie in different folders, which cannot be replaced together. */
async function checkOfSet(target: string): Promise<void> {
  const stats = await lstat(target).catch(() => null);
  if (stats?.isSymbolicLink()) throw rangeMistake('file', 'a file and no link', target);
  await checkFileTarget(target, []);
}

async function writeSynced(path: string, write: FileWriter): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await write(file);
    await syncFile(file);
  } finally {
    await file.close();
  }
}
