/** Resolves paths: links, mount points, and which folder lies in which. */
import { lstat, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { rangeMistake } from '../core/errors.js';
import { fileSystemError } from './file-error.js';

/** Linux follows as many. */
const MAX_LINKS = 40;

/** The path at the end of a chain of links, whether it exists or not. The links themselves stay: their target is replaced. */
export async function followLinks(path: string): Promise<string> {
  let current = resolve(path);
  for (let i = 0; i <= MAX_LINKS; i++) {
    const link = await readlink(current).catch(ifNoLink);
    if (link === null) return current;
    current = resolve(await realpath(dirname(current)), link);
  }
  throw fileSystemError('ELOOP', path);
}

/** Null if there is no link at the path. EINVAL and UNKNOWN (Windows) mean that something else is there. */
function ifNoLink(error: NodeJS.ErrnoException): null {
  if (['ENOENT', 'EINVAL', 'UNKNOWN', 'ENOTDIR'].includes(error.code ?? '')) return null;
  throw error;
}

/**
 * Whether something is mounted at `path`: another file system, or another folder of the same. A mount point cannot be
 * renamed or replaced.
 */
export async function isMountPoint(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => null);
  if (real === null) return false;
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => null);
  if (table !== null) {
    return table.split('\n').some((line) => unescapeOctal(line.split(' ')[4] ?? '') === real);
  }
  const [own, above] = await Promise.all([stat(real), stat(dirname(real))]);
  return own.dev !== above.dev || own.ino === above.ino;
}

/** Decodes the octal escapes of mountinfo: a space is written as \040. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
}

/** Device and inode: the same for all names of a file or folder. Null if nothing is there. */
async function identity(path: string): Promise<string | null> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  return stats === null ? null : `${stats.dev}:${stats.ino}`;
}

/** Whether both paths lead to the same file or folder. */
export async function isSame(a: string, b: string): Promise<boolean> {
  const own = await identity(a);
  return own !== null && own === (await identity(b));
}

/** Whether `path` lies in `folder`, at any depth. */
export async function liesIn(path: string, folder: string): Promise<boolean> {
  const outer = await identity(folder);
  let current = await realpath(path).catch(() => null);
  if (outer === null || current === null) return false;
  while (current !== dirname(current)) {
    current = dirname(current);
    if ((await identity(current)) === outer) return true;
  }
  return false;
}

/**
 * Throws RangeError for a folder that must never be replaced: one that is or holds the current folder, the home folder or an
 * input.
 */
export async function checkNotNeeded(folder: string, inputs: readonly string[]): Promise<void> {
  const places = [
    [process.cwd(), 'the current folder'],
    [homedir(), 'the home folder'],
    ...inputs.map((input) => [input, input] as const),
  ] as const;
  for (const [path, name] of places) {
    const is = await isSame(path, folder);
    if (!is && !(await liesIn(path, folder))) continue;
    const what = is ? `another folder than ${name}` : `a folder that does not hold ${name}`;
    throw rangeMistake('folder', what, folder);
  }
}

/**
 * Throws unless a file may be written at `target`: RangeError if it is an input or no plain file, FILE_SYSTEM if it is a
 * folder or a mount point.
 */
export async function checkFileTarget(target: string, inputs: readonly string[]): Promise<void> {
  const stats = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stats === null) return;
  if (stats.isDirectory()) throw fileSystemError('EISDIR', target);
  if (!stats.isFile()) throw rangeMistake('file', 'a plain file or a new name', target);
  for (const input of inputs) {
    if (await isSame(input, target)) throw rangeMistake('file', `another than ${input}`, target);
  }
  if (await isMountPoint(target)) {
    throw fileSystemError('EBUSY', target, {
      note: 'a file that is mounted cannot be replaced; mount its folder',
    });
  }
}
