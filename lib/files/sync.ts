/**
 * Syncs files to the disk before they get their name: after a loss of power there is the old file or the new one, never an
 * empty one.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Errors of systems and file systems that cannot sync a file or a folder. */
const NOT_OFFERED: ReadonlySet<string> = new Set([
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EBADF',
  'EPERM',
  'EISDIR',
  'EACCES',
]);

export async function syncFile(file: FileHandle): Promise<void> {
  await file.sync().catch(unlessNotOffered);
}

/** Syncs the names in a folder. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(unlessNotOffered);
  if (handle === undefined) return;
  try {
    await syncFile(handle);
  } finally {
    await handle.close();
  }
}

/** Syncs all files in a folder, at any depth, then the names. */
export async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else await syncFolder(path);
  }
  await syncFolder(folder);
}

function unlessNotOffered(error: NodeJS.ErrnoException): undefined {
  if (!NOT_OFFERED.has(error.code ?? '')) throw error;
}
