/**
 * What is not finished is removed when its process is dead, and never before.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { endInterrupted, FolderPlace, saveFile, writeFolderAtomic } from '../../lib/files/index.js';
import { newTemporary, release } from '../../lib/files/temporary.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const FILES = new URL('../../dist/files/index.js', import.meta.url).href;

/** An id of this process with some of its parts changed: hash, machine, pid, thread, start, unique. */
function idLike(target: string, change: Readonly<Record<number, string>>): string {
  const id = newTemporary(target);
  release(id);
  const parts = id.slice('.sinter-'.length).split('-');
  return `.sinter-${parts.map((part, i) => change[i] ?? part).join('-')}`;
}

const PID = 2;
const THREAD = 3;
const START = 4;
const MACHINE = 1;

/** A number that no process has: one that has just ended. */
const deadPid = () => String(spawnSync('true').pid);

const hiddenIn = async (folder: string) =>
  (await readdir(folder)).filter((name) => name.startsWith('.sinter-'));

async function leave(folder: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'config.json'), name);
  }
}

/** Whether the next run removes it. */
async function isRemoved(change: Readonly<Record<number, string>>): Promise<boolean> {
  const folder = await temporaryFolder();
  await leave(folder, `${idLike('model', change)}.tmp`);
  await saveFile(join(folder, 'file'), '');
  return (await hiddenIn(folder)).length === 0;
}

describe('what is not finished', () => {
  it('is removed when its process has ended, or another one has its number now', async () => {
    expect(await isRemoved({ [PID]: deadPid() })).toBe(true);
    expect(await isRemoved({ [PID]: String(process.ppid), [START]: '1' })).toBe(
      process.platform === 'linux',
    );
    // Given up by this process.
    expect(await isRemoved({})).toBe(true);
  });

  it('stays while its process lives, and what another thread does', async () => {
    expect(await isRemoved({ [PID]: String(process.ppid), [START]: '0' })).toBe(false);
    expect(await isRemoved({ [THREAD]: '99' })).toBe(false);
    const folder = await temporaryFolder();
    await using place = await FolderPlace.take(join(folder, 'model'));
    await saveFile(join(folder, 'file'), '');
    expect(await hiddenIn(folder)).toHaveLength(1);
    const code = `import(${JSON.stringify(FILES)}).then((files) => files.saveFile(${JSON.stringify(join(folder, 'x'))}, ''))`;
    const worker = new Worker(code, { eval: true });
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    expect((await readdir(folder)).sort()).toEqual([
      place.folder.slice(folder.length + 1),
      'file',
      'x',
    ]);
  });

  it('of another machine stays until nobody has touched it for a day', async () => {
    expect(await isRemoved({ [MACHINE]: '00000000', [PID]: deadPid() })).toBe(false);
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 25 * 3600_000);
    try {
      expect(await isRemoved({ [MACHINE]: '00000000' })).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });

  it('does not include files that only look like it', async () => {
    const folder = await temporaryFolder();
    const names = [
      '.sinter-mine.tmp',
      '.sinter',
      `${idLike('model', { [PID]: deadPid() })}.kept`,
      '.model.0123456789ab.tmp',
    ];
    await leave(folder, ...names);
    await saveFile(join(folder, 'file'), '');
    expect((await readdir(folder)).sort()).toEqual([...names, 'file'].sort());
  });
});

describe('two renames that were interrupted between them', () => {
  it('are completed for their own target only', async () => {
    const folder = await temporaryFolder();
    const id = idLike('model', { [PID]: deadPid() });
    await leave(folder, `${id}.tmp`, `${id}.old`);
    await endInterrupted(join(folder, 'other'));
    await saveFile(join(folder, 'file'), '');
    expect(await hiddenIn(folder)).toHaveLength(2);
    await endInterrupted(join(folder, 'model'));
    expect((await readdir(folder)).sort()).toEqual(['file', 'model']);
  });

  it('leave alone what came in the meantime', async () => {
    const folder = await temporaryFolder();
    const id = idLike('model', { [PID]: deadPid() });
    await leave(folder, `${id}.tmp`, `${id}.old`, 'model');
    await endInterrupted(join(folder, 'model'));
    const replaced = writeFolderAtomic(join(folder, 'model'), {}, async () => {});
    await expect(replaced).rejects.toThrow(RangeError);
    expect(await hiddenIn(folder)).toHaveLength(2);
  });
});
