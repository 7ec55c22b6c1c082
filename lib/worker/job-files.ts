/**
 * Paths of jobs: within the folder of a worker, on any machine.
 *
 * The rule: a job names files relative to that folder, and none outside it, because whoever may write to the queue is not
 * whoever may read and write the machine's files.
 */
import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { rangeMistake } from '../core/errors.js';
import { aboutFile } from '../files/index.js';

/** The path of a job's file. RangeError for one outside `root`. */
export function insideRoot(where: string, root: string, path: string): string {
  const full = resolve(root, path);
  relativeTo(where, root, full);
  return full;
}

/** `path` as jobs name it: from `root` on, with slashes. RangeError for one outside `root`. */
export function relativeTo(where: string, root: string, path: string): string {
  const own = relative(resolve(root), resolve(root, path));
  const isInside = own !== '' && own !== '..' && !own.startsWith(`..${sep}`) && !isAbsolute(own);
  if (!isInside) throw rangeMistake(where, `within the folder ${resolve(root)}`, path);
  return sep === '/' ? own : own.replaceAll(sep, '/');
}

/** Throws RangeError or FILE_SYSTEM where `root` is no folder. */
export async function checkRoot(where: string, root: string): Promise<void> {
  const found = await aboutFile(root, () => stat(root));
  if (!found.isDirectory()) throw rangeMistake(`${where}: root`, 'a folder', root);
}
