/**
 * A folder that appears whole or not at all.
 *
 * Its place is taken before the work begins, so that foreseeable failures happen before the work and not after it. The
 * content is written into a hidden folder beside the target (inside the target if that cannot be replaced itself) until it
 * is complete and on the disk.
 */
import { mkdir, rename, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { aboutFile, errnoOf, fileError, fileSystemError, keptNote } from './file-error.js';
import { contentOf, moveIn, removeQuietly } from './moves.js';
import { checkNotNeeded, followLinks, isMountPoint, isSame } from './places.js';
import { checkSpace, type Needs } from './space.js';
import { swapIn, tidyFor } from './swap.js';
import { syncTree } from './sync.js';
import { newTemporary, release, TOUCH_MS } from './temporary.js';

export interface FolderOptions {
  /** Name of the call in messages. Left out: messages begin with the folder. */
  readonly where?: string;
  /**
   * Throws unless a folder with content may be replaced as a whole, so that a typing mistake cannot delete a folder of
   * another kind. Left out: no folder with content is replaced.
   */
  readonly mayReplace?: ((folder: string) => Promise<void>) | undefined;
  /** Paths that the work reads: they are never replaced, nor is a folder that holds them. */
  readonly inputs?: readonly string[];
}

/** Whether the hidden folder lies beside the target or inside it. */
type SwapPlace = 'beside' | 'inside';

const NOT_WRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

export class FolderPlace {
  /** The hidden folder; the caller writes the content into it. */
  readonly folder: string;
  private isOver = false;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly path: string,
    private readonly target: string,
    private readonly options: FolderOptions,
    private readonly id: string,
    private readonly way: SwapPlace,
    /** The outermost folder above the target that had to be created; undefined if all existed. */
    private readonly made: string | undefined,
  ) {
    this.folder = join(way === 'beside' ? dirname(target) : target, `${id}.tmp`);
    this.timer = setInterval(() => {
      const now = new Date();
      utimes(this.folder, now, now).catch(() => {});
    }, TOUCH_MS).unref();
  }

  /**
   * Takes the place. Throws RangeError if a folder with content may not be replaced, FILE_SYSTEM if nothing can be written
   * there. End it with `place` or `discard`.
   */
  static async take(path: string, options: FolderOptions = {}): Promise<FolderPlace> {
    if (typeof path !== 'string') throw typeMistake(nameIn(options), 'a string', path);
    return aboutFile(path, async () => {
      const target = await followLinks(path);
      await tidyFor(target);
      await mustReplace(target, options);
      const made = await mkdir(dirname(target), { recursive: true });
      const id = newTemporary(target);
      try {
        // Fails now if the name is too long.
        await stat(target).catch(unlessMissing);
        const way = await begin(target, id);
        return new FolderPlace(path, target, options, id, way, made);
      } catch (error) {
        release(id);
        await removeMade(dirname(target), made);
        throw error;
      }
    });
  }

  /** Throws FILE_SYSTEM if files of this size do not fit. */
  async needs(needs: Needs): Promise<void> {
    await checkSpace(this.folder, this.path, needs);
  }

  /** Renames the folder to its path. If that fails, the complete folder is kept and the error says where. */
  async place(): Promise<void> {
    await aboutFile(this.path, () => syncTree(this.folder));
    try {
      const replace = await mustReplace(this.target, this.options);
      if (this.way === 'beside') await swapIn(this.target, this.id, replace);
      else await moveIn(this.target, this.id, 'all');
      this.end();
    } catch (error) {
      this.end();
      throw await this.kept(error);
    }
  }

  /** Removes the hidden folder and its content; does nothing after `place`. */
  async discard(): Promise<void> {
    if (this.isOver) return;
    await removeQuietly(this.folder);
    await removeMade(dirname(this.target), this.made);
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  private end(): void {
    this.isOver = true;
    clearInterval(this.timer);
    release(this.id);
  }

  private async kept(error: unknown): Promise<unknown> {
    const unique = this.id.slice(-8);
    const place = this.way === 'beside' ? dirname(this.target) : this.target;
    const kept = join(place, `sinter-kept-${unique}`);
    const isKept = await rename(this.folder, kept).then(
      () => true,
      () => false,
    );
    if (!isKept) return fileError(error, this.path, { note: 'run it again to complete it' });
    const errno = errnoOf(error) ?? 'EEXIST';
    return fileSystemError(errno, this.path, { kept, note: keptNote(kept), cause: error });
  }
}

/** Lets `write` fill a hidden folder, then renames it to `path`. If `write` fails, nothing is left. */
export async function writeFolderAtomic<T>(
  path: string,
  options: FolderOptions,
  write: (folder: string, place: FolderPlace) => Promise<T>,
): Promise<T> {
  const place = await FolderPlace.take(path, options);
  try {
    const result = await write(place.folder, place);
    await place.place();
    return result;
  } catch (error) {
    await place.discard();
    throw fileError(error, path);
  }
}

/** The folder in messages: `save: folder`. */
function nameIn({ where }: FolderOptions): string {
  return where === undefined ? 'folder' : `${where}: folder`;
}

/** Whether a folder with content must be replaced. Throws RangeError if it may not be, or if `target` is a file. */
async function mustReplace(target: string, options: FolderOptions): Promise<boolean> {
  const { mayReplace, inputs = [] } = options;
  const name = nameIn(options);
  const stats = await stat(target).catch(unlessMissing);
  if (stats === null) return false;
  if (!stats.isDirectory()) throw rangeMistake(name, 'a folder or a new name', target);
  const names = await contentOf(target);
  if (names.length === 0) return false;
  if (mayReplace === undefined)
    throw rangeMistake(name, 'new or empty (or pass overwrite: true)', target);
  await checkNotNeeded(target, inputs);
  await mayReplace(target);
  return true;
}

/** Creates the hidden folder and returns where it lies. */
async function begin(target: string, id: string): Promise<SwapPlace> {
  const inside = () => mkdir(join(target, `${id}.tmp`));
  if ((await isMountPoint(target)) || (await isSame(target, process.cwd()))) {
    await inside();
    return 'inside';
  }
  try {
    await mkdir(join(dirname(target), `${id}.tmp`));
    return 'beside';
  } catch (error) {
    const isThere = await stat(target).catch(() => null);
    if (isThere === null || !NOT_WRITABLE.has(errnoOf(error) ?? '')) throw error;
    await inside();
    return 'inside';
  }
}

/** Removes the folders that were created for a target that was not written, as far as they are empty. */
async function removeMade(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let current = folder; current.length >= made.length; current = dirname(current)) {
    const isGone = await rmdir(current).then(
      () => true,
      () => false,
    );
    if (!isGone) return;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
