/**
 * Small file systems for tests; only root may mount them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let known: string | null | undefined;

/** Why nothing can be mounted on this machine; null when it can. */
export function whyNoMount(): string | null {
  if (known !== undefined) return known;
  if (process.platform !== 'linux') known = 'mounts are tested on Linux';
  else {
    const folder = mkdtempSync(join(tmpdir(), 'sinter-mount-'));
    const isMounted = mount(folder, '64k');
    if (isMounted) unmount(folder);
    rmdirSync(folder);
    known = isMounted ? null : 'this user may not mount';
  }
  return known;
}

function mount(folder: string, size: string): boolean {
  const args = ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder];
  return spawnSync('mount', args).status === 0;
}

function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
}

/** A file system in memory of this size at `folder`, which is made; gone with the dispose. */
export function mounted(folder: string, size: string): Disposable {
  mkdirSync(folder, { recursive: true });
  if (!mount(folder, size)) throw new Error(`${folder} could not be mounted`);
  return { [Symbol.dispose]: () => unmount(folder) };
}

/** The folder `source` once more at `folder`: a mount point inside the same file system. */
export function bound(source: string, folder: string): Disposable {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['--bind', source, folder]);
  return { [Symbol.dispose]: () => unmount(folder) };
}
