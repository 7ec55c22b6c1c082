/** Checks before writing whether the files will fit, as far as that can be known. */
import { readFile, statfs } from 'node:fs/promises';
import { formatBytes } from '../core/units.js';
import { fileSystemError } from './file-error.js';

export interface Needs {
  /** Bytes of all files. */
  readonly total: number;
  /** Bytes of the largest file. Default: the total. */
  readonly largest?: number;
}

/** Throws FILE_SYSTEM (ENOSPC, EFBIG) about `path` if files of this size do not fit into `folder`. */
export async function checkSpace(folder: string, path: string, needs: Needs): Promise<void> {
  const { total, largest = total } = needs;
  const limit = await fileSizeLimit();
  if (largest > limit) {
    const note = `${formatBytes(largest)} are needed and the limit of this process is ${formatBytes(limit)}`;
    throw fileSystemError('EFBIG', path, { note });
  }
  const free = await freeBytes(folder);
  if (total > free) {
    const note = `${formatBytes(total)} are needed and ${formatBytes(free)} are free`;
    throw fileSystemError('ENOSPC', path, { note });
  }
}

async function freeBytes(folder: string): Promise<number> {
  const stats = await statfs(folder).catch(() => null);
  // Some network file systems report zero blocks.
  if (stats === null || stats.blocks === 0) return Infinity;
  const blocks = process.getuid?.() === 0 ? stats.bfree : stats.bavail;
  return blocks * stats.bsize;
}

/** The limit of `ulimit -f` in bytes; Infinity without one. */
async function fileSizeLimit(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'latin1').catch(() => '');
  const soft = /^Max file size\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
