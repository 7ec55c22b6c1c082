/**
 * Onto the disk before it gets its name: a machine that loses its power then has the old or the new, never an empty file.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** File systems and systems that have no such thing for a file or a folder say so in these ways. */
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

/** The names in a folder. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(unlessNotOffered);
  if (handle === undefined) return;
  try {
    await syncFile(handle);
  } finally {
    await handle.close();
  }
}

/** All files in a folder, at any depth, then the names. */
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
