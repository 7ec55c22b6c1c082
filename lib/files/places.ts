/**
 * Where a path really leads: links, mount points, and which folders lie in which.
 */
import { lstat, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { rangeMistake } from '../core/errors.js';
import { fileSystemError } from './file-error.js';

/** As many as Linux follows. */
const MAX_LINKS = 40;

/** The path behind the last link, whether it exists or not. Links stay links: what they lead to is replaced. */
export async function followLinks(path: string): Promise<string> {
  let current = resolve(path);
  for (let i = 0; i <= MAX_LINKS; i++) {
    const link = await readlink(current).catch(ifNoLink);
    if (link === null) return current;
    current = resolve(await realpath(dirname(current)), link);
  }
  throw fileSystemError('ELOOP', path);
}

/** EINVAL and UNKNOWN (Windows): there is something that is no link. */
function ifNoLink(error: NodeJS.ErrnoException): null {
  if (['ENOENT', 'EINVAL', 'UNKNOWN', 'ENOTDIR'].includes(error.code ?? '')) return null;
  throw error;
}

/** Whether another file system, or another place of the same, is mounted there: it cannot be renamed or replaced. */
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

/** Spaces and the like are written as \040. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
}

/** One place under all of its names; null where there is nothing. */
async function identity(path: string): Promise<string | null> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  return stats === null ? null : `${stats.dev}:${stats.ino}`;
}

/** Whether both are the same file or folder. */
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

/** RangeError for a folder that must not be replaced, whatever is in it: what the user works in, or what is being read. */
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

/** RangeError for a file that is being read, and for what is no file. */
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
