/**
 * Checks where the external data of a tensor lies: it must be in the folder of the model.
 *
 * The check looks at the text first (nothing is opened for `..` or an absolute path), then at the real path behind links. A
 * model file that is itself a link may have its data beside the file it points to: that is how the Hugging Face cache stores
 * both.
 */

import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { corruptOnnx } from './problem.js';

/** Returns the real path of `location` for the model at `modelPath`. Throws CORRUPT_MODEL (path, data). */
export function externalPath(modelPath: string, location: string, tensor: string): string {
  const bad = (what: string) =>
    corruptOnnx(modelPath, 'path', `tensor ${tensor}: external data ${what}`, { tensor });
  const shown = JSON.stringify(location.slice(0, 200));
  if (location === '' || location.includes('\0')) throw bad(`at ${shown}, which is no path`);
  const parts = location.split(/[\\/]/);
  if (parts[0] === '' || /^[a-zA-Z]:/.test(location)) throw bad(`at the absolute path ${shown}`);
  if (parts.includes('..')) throw bad(`at ${shown}, outside the model's folder`);
  const path = join(dirname(modelPath), location);
  const real = realPath(path);
  if (real === null) {
    throw corruptOnnx(modelPath, 'data', `tensor ${tensor}: no external file ${shown}`, { tensor });
  }
  if (!rootsOf(modelPath).some((root) => real.startsWith(root.endsWith(sep) ? root : root + sep))) {
    throw bad(`at ${shown}, a link that leads outside the model's folder`);
  }
  if (!statSync(real).isFile()) throw bad(`at ${shown}, which is not a regular file`);
  return real;
}

function rootsOf(modelPath: string): string[] {
  const roots = [realpathSync(dirname(modelPath))];
  if (lstatSync(modelPath).isSymbolicLink()) roots.push(dirname(realpathSync(modelPath)));
  return roots;
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG') {
      return null;
    }
    throw error;
  }
}
