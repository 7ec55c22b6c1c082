/**
 * `--out DIR` of long commands: its place is claimed before the work, so that the result is not lost at the end.
 *
 * The rule: when the folder cannot be written after all (the disk became full), the result is written elsewhere, and the error
 * says where.
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
  /** Input files and folders, which must not be overwritten; undefined entries are skipped. */
  readonly inputs?: readonly (string | undefined)[];
  /** Throws for a folder that must not be replaced. Default: with `overwrite` only a model folder may be. */
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

  /** Throws FILE_SYSTEM, before the work, when this many bytes will not fit. */
  async needs(bytes: number): Promise<void> {
    await this.place.needs({ total: bytes });
  }

  /** Lets `write` fill the folder, then moves it to its final name. */
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

/** The folder in the first place where writing works; null when none does. */
async function writeElsewhere(write: (folder: string) => Promise<unknown>): Promise<string | null> {
  // The last place is memory: lost with a restart, but better than nothing.
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
