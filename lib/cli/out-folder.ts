/**
 * `--out DIR` of commands that work long: its place is taken before the work, and what was made is not lost at the end.
 *
 * The rule: when the folder cannot be written after all (the disk became full), the same is written elsewhere, and the
 * error says where.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { errnoOf, FolderPlace, fileSystemError, keptNote } from '../files/index.js';
import { checkOwnModel } from '../formats/own-folder.js';

export interface OutFolderOptions {
  readonly out: string;
  readonly overwrite?: boolean | undefined;
  /** Files and folders that are read, as they were given; undefined ones are left out. */
  readonly inputs?: readonly (string | undefined)[];
  /** What may be replaced. Default: with `overwrite` a model folder. */
  readonly mayReplace?: (folder: string) => Promise<void>;
}

export class OutFolder {
  private constructor(
    private readonly out: string,
    private readonly place: FolderPlace,
  ) {}

  static async take({
    out,
    overwrite,
    inputs = [],
    mayReplace,
  }: OutFolderOptions): Promise<OutFolder> {
    const read = inputs.filter((input) => input !== undefined);
    const check = mayReplace ?? (overwrite === true ? checkOwnModel : undefined);
    return new OutFolder(out, await FolderPlace.take(out, { mayReplace: check, inputs: read }));
  }

  /** FILE_SYSTEM before the work when files of this size will not fit. */
  async needs(bytes: number): Promise<void> {
    await this.place.needs({ total: bytes });
  }

  /** Lets `write` fill the folder and gives it its name. */
  async write<T>(write: (folder: string) => Promise<T>): Promise<T> {
    try {
      const result = await write(this.place.folder);
      await this.place.place();
      return result;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === null) throw error;
      if (error instanceof SinterError && error.details.kept !== undefined) throw error;
      await this.place.discard();
      const kept = await writeElsewhere(write);
      if (kept === null) throw fileSystemError(errno, this.out, { cause: error });
      throw fileSystemError(errno, this.out, { kept, note: keptNote(kept), cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.place.discard();
  }
}

/** The first place that takes it; null when none does. */
async function writeElsewhere(write: (folder: string) => Promise<unknown>): Promise<string | null> {
  // The last is memory: gone when the machine is, and better than nothing.
  for (const place of [tmpdir(), homedir(), process.cwd(), '/dev/shm']) {
    const folder = await mkdtemp(join(place, 'sinter-kept-')).catch(() => null);
    if (folder === null) continue;
    try {
      await write(folder);
      return folder;
    } catch {
      await rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  }
  return null;
}
