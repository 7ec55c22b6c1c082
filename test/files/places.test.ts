/**
 * Every place that a result can be sent to: it arrives, or is refused before the work in one line that names the path.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, SinterError } from '../../lib/core/errors.js';
import {
  FolderPlace,
  saveFile,
  writeFileAtomic,
  writeFilesAtomic,
  writeFolderAtomic,
} from '../../lib/files/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { bound, mounted, whyNoMount } from './mounts.js';

const run = promisify(execFile);
const noMount = whyNoMount();
const because = noMount === null ? '' : ` (skipped: ${noMount})`;
const CHILD = new URL('children/write.mjs', import.meta.url).pathname;

const options = { mayReplace: async () => {} };

const writeModel = (path: string, text = 'new') =>
  writeFolderAtomic(path, options, async (folder) => {
    await writeFile(join(folder, 'config.json'), text);
    await mkdir(join(folder, '1_Pooling'));
    await writeFile(join(folder, '1_Pooling', 'config.json'), text);
  });

const textOf = (...path: string[]) => readFile(join(...path), 'utf8');

/** The error that `work` throws: it must have a code of the closed list, and name the path and the system error. */
async function refusal(errno: string, path: string, work: Promise<unknown>): Promise<SinterError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SinterError);
  const refused = error as SinterError;
  expect(ERROR_CODES).toContain(refused.code);
  expect(refused).toMatchObject({ code: 'FILE_SYSTEM', details: { errno, file: path } });
  expect(refused.message).toContain(`${path}: `);
  expect(refused.message).not.toMatch(/\.sinter-|\n/);
  return refused;
}

describe('links', () => {
  it('stay links, and what they lead to is replaced', async () => {
    const folder = await temporaryFolder();
    await writeModel(join(folder, 'v1'), 'old');
    await symlink('v1', join(folder, 'current'));
    await symlink('current', join(folder, 'latest'));
    await writeModel(join(folder, 'latest'));
    expect(await readlink(join(folder, 'latest'))).toBe('current');
    expect(await readlink(join(folder, 'current'))).toBe('v1');
    expect(await textOf(folder, 'v1', 'config.json')).toBe('new');
    await writeFile(join(folder, 'file'), 'old');
    await symlink(join(folder, 'file'), join(folder, 'other'));
    await saveFile(join(folder, 'other'), 'new');
    expect(await readlink(join(folder, 'other'))).toBe(join(folder, 'file'));
    expect(await textOf(folder, 'file')).toBe('new');
    expect((await readdir(folder)).sort()).toEqual(['current', 'file', 'latest', 'other', 'v1']);
  });

  it('that lead to nothing are filled; circles are refused', async () => {
    const folder = await temporaryFolder();
    await symlink('not/yet', join(folder, 'link'));
    await writeModel(join(folder, 'link'));
    expect(await textOf(folder, 'not', 'yet', 'config.json')).toBe('new');
    await symlink('new-file', join(folder, 'file'));
    await saveFile(join(folder, 'file'), 'x');
    expect(await textOf(folder, 'new-file')).toBe('x');
    await symlink('b', join(folder, 'a'));
    await symlink('a', join(folder, 'b'));
    await refusal('ELOOP', join(folder, 'a'), writeModel(join(folder, 'a')));
    await refusal('ELOOP', join(folder, 'a'), saveFile(join(folder, 'a'), ''));
    await refusal('ELOOP', join(folder, 'a', 'x'), saveFile(join(folder, 'a', 'x'), ''));
  });

  it('are not replaced by files that belong together', async () => {
    const folder = await temporaryFolder();
    await symlink('elsewhere', join(folder, 'model.onnx'));
    const files = ['model.onnx_data', 'model.onnx'].map((name) => ({
      name,
      write: async () => {},
    }));
    await expect(writeFilesAtomic(folder, files)).rejects.toThrow(/a file and no link/);
    expect(await readdir(folder)).toEqual(['model.onnx']);
  });
});

describe('names and kinds', () => {
  it('the longest name that a file may have is taken, a longer one refused before the work', async () => {
    const folder = await temporaryFolder();
    const longest = join(folder, 'x'.repeat(255));
    await saveFile(longest, '1');
    await saveFile(longest, '2');
    expect(await textOf(longest)).toBe('2');
    const deep = join(folder, 'é'.repeat(127));
    await writeModel(deep, 'old');
    await writeModel(deep);
    expect(await textOf(deep, 'config.json')).toBe('new');
    for (const name of ['x'.repeat(256), 'é'.repeat(128)]) {
      const path = join(folder, name);
      await refusal('ENAMETOOLONG', path, FolderPlace.take(path));
      await refusal('ENAMETOOLONG', path, saveFile(path, ''));
      const inner = join(folder, 'new', name);
      await refusal('ENAMETOOLONG', inner, FolderPlace.take(inner));
      const below = join(path, 'new');
      await refusal('ENAMETOOLONG', below, FolderPlace.take(below));
    }
    const files = [`${'x'.repeat(250)}_data`, 'x'.repeat(250)].map((name) => ({
      name,
      write: async () => {},
    }));
    await expect(
      writeFilesAtomic(folder, [{ ...files[0], name: 'x'.repeat(256) }, ...files] as never),
    ).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
    expect((await readdir(folder)).sort()).toEqual(
      [longest, deep].map((path) => path.slice(folder.length + 1)).sort(),
    );
  });

  it('a folder in place of a file, a file in place of a folder, and a device are refused', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), '');
    await refusal('EISDIR', folder, saveFile(folder, ''));
    await refusal('ENOTDIR', join(folder, 'file', 'x'), writeModel(join(folder, 'file', 'x')));
    await refusal('ENOTDIR', join(folder, 'file', 'x'), saveFile(join(folder, 'file', 'x'), ''));
    await refusal('ENOENT', join(folder, 'no', 'x'), saveFile(join(folder, 'no', 'x'), ''));
    await expect(saveFile(join(folder, 'no', 'x'), '')).rejects.toThrow(
      `make the folder ${join(folder, 'no')} first`,
    );
    await expect(writeModel(join(folder, 'file'))).rejects.toThrow(RangeError);
    await expect(saveFile('/dev/null', '')).rejects.toThrow(/plain file or a new name/);
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('folders that had to be made go again when nothing came', async () => {
    const folder = await temporaryFolder();
    const fails = writeFolderAtomic(join(folder, 'a', 'b', 'c'), {}, () =>
      Promise.reject(new Error('no')),
    );
    await expect(fails).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('what is filled in the meantime is kept, and so is the result, in a stated place', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model');
    const place = await FolderPlace.take(path);
    await writeFile(join(place.folder, 'config.json'), 'mine');
    await writeModel(path, 'theirs');
    const error = await refusal('EEXIST', path, place.place());
    const kept = String(error.details.kept);
    expect(error.message).toContain(kept);
    expect(await textOf(kept, 'config.json')).toBe('mine');
    expect(await textOf(path, 'config.json')).toBe('theirs');
    const file = join(folder, 'vectors');
    const asFolder = writeFileAtomic(file, async (handle) => {
      await handle.writeFile('mine');
      await mkdir(join(file, 'x'), { recursive: true });
    });
    const kept2 = String((await refusal('EISDIR', file, asFolder)).details.kept);
    expect(await textOf(kept2)).toBe('mine');
  });
});

describe('limits', () => {
  it('a file size limit is EFBIG, known before where the size is', async () => {
    const folder = await temporaryFolder();
    // The limit is in blocks of 1024 bytes; the child must still be able to print.
    const limited = async (code: string) => {
      const script = `const files = await import(${JSON.stringify(new URL('../../dist/files/index.js', import.meta.url).href)});\n${code}`;
      const args = [
        '-c',
        'ulimit -f 64; exec "$0" --input-type=module -e "$1"',
        process.execPath,
        script,
      ];
      return (await run('bash', args, { cwd: folder })).stdout.trim();
    };
    const print = '.catch((error) => console.log(error.code, error.details.errno, error.message))';
    expect(await limited(`await files.saveFile('out', Buffer.alloc(1e6))${print}`)).toBe(
      'FILE_SYSTEM EFBIG out: larger than a file may be here (EFBIG)',
    );
    const known = `const place = await files.FolderPlace.take('model'); await place.needs({ total: 1e6 })${print}; await place.discard()`;
    expect(await limited(known)).toContain(
      '1.0 MB are needed and the limit of this process is 65.5 kB',
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it.skipIf(noMount !== null)(`a full disk is ENOSPC and leaves the old${because}`, async () => {
    const folder = join(await temporaryFolder(), 'disk');
    using _disk = mounted(folder, '256k');
    const [file, model] = [join(folder, 'file'), join(folder, 'model')];
    await saveFile(file, 'old');
    await writeModel(model, 'old');
    const before = (await readdir(folder)).sort();
    const big = Buffer.alloc(1e6);
    await refusal('ENOSPC', file, saveFile(file, big));
    const fill = (path: string) =>
      writeFolderAtomic(path, options, (inner) => writeFile(join(inner, 'x'), big));
    await refusal('ENOSPC', model, fill(model));
    await refusal('ENOSPC', join(folder, 'new'), fill(join(folder, 'new')));
    const files = ['model.onnx_data', 'model.onnx'].map((name) => ({
      name,
      write: (handle: { writeFile(data: Buffer): Promise<void> }) => handle.writeFile(big),
    }));
    await expect(writeFilesAtomic(folder, files)).rejects.toMatchObject({
      details: { errno: 'ENOSPC' },
    });
    await using place = await FolderPlace.take(model, options);
    const error = await refusal('ENOSPC', model, place.needs({ total: 1e6 }));
    expect(error.message).toMatch(/1\.0 MB are needed and 2\d\d(\.\d)? kB are free/);
    await place.discard();
    expect((await readdir(folder)).sort()).toEqual(before);
    expect([await textOf(file), await textOf(model, 'config.json')]).toEqual(['old', 'old']);
  });
});

describe('mounts', () => {
  it.skipIf(noMount !== null)(`a volume is filled, and filled again${because}`, async () => {
    const folder = await temporaryFolder();
    for (const [name, mount] of [
      ['volume with a space', (path: string) => mounted(path, '1m')],
      ['bound', (path: string) => bound(join(folder, 'source'), path)],
    ] as const) {
      await mkdir(join(folder, 'source'), { recursive: true });
      const volume = join(folder, name);
      using _mount = mount(volume);
      // A fresh ext4 file system has this folder.
      await mkdir(join(volume, 'lost+found'));
      await writeModel(volume, 'old');
      await writeFile(join(volume, 'only-old'), '');
      await writeModel(volume);
      expect(await textOf(volume, '1_Pooling', 'config.json')).toBe('new');
      expect((await readdir(volume)).sort()).toEqual(['1_Pooling', 'config.json', 'lost+found']);
      await expect(writeFolderAtomic(volume, {}, async () => {})).rejects.toThrow(RangeError);
      const inner = join(volume, 'model');
      await writeModel(inner, 'old');
      await writeModel(inner);
      expect(await textOf(inner, 'config.json')).toBe('new');
    }
  });

  it.skipIf(noMount !== null)(`a mounted file is refused before the work${because}`, async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'source'), '');
    await writeFile(join(folder, 'target'), 'old');
    await run('mount', ['--bind', join(folder, 'source'), join(folder, 'target')]);
    try {
      const error = await refusal(
        'EBUSY',
        join(folder, 'target'),
        saveFile(join(folder, 'target'), 'x'),
      );
      expect(error.message).toContain('mount its folder');
    } finally {
      await run('umount', [join(folder, 'target')]);
    }
  });

  it.skipIf(noMount !== null)(
    `what may only be read is refused, a volume in it is filled${because}`,
    async () => {
      const folder = join(await temporaryFolder(), 'root');
      using _root = mounted(folder, '1m');
      await mkdir(join(folder, 'volume'));
      await mkdir(join(folder, 'model'));
      using _volume = mounted(join(folder, 'volume'), '1m');
      await run('mount', ['-o', 'remount,ro', folder]);
      await refusal('EROFS', join(folder, 'new'), writeModel(join(folder, 'new')));
      await refusal('EROFS', join(folder, 'model'), writeModel(join(folder, 'model')));
      await refusal('EROFS', join(folder, 'file'), saveFile(join(folder, 'file'), ''));
      await writeModel(join(folder, 'volume'), 'old');
      await writeModel(join(folder, 'volume'));
      expect(await textOf(folder, 'volume', 'config.json')).toBe('new');
    },
  );

  it.skipIf(process.getuid?.() !== 0)(
    process.getuid?.() === 0
      ? "a folder of somebody else is refused, one's own in it is filled"
      : 'a folder of somebody else (skipped: only root can make one)',
    async () => {
      const folder = await temporaryFolder();
      await run('chmod', ['755', folder]);
      await mkdir(join(folder, 'own'));
      await run('chown', ['nobody', join(folder, 'own')]);
      const nobody = Number((await run('id', ['-u', 'nobody'])).stdout);
      const write = (name: string) =>
        run(process.execPath, [CHILD, 'folder', join(folder, name), 'v'], { uid: nobody });
      await expect(write('new')).rejects.toThrow(/permission denied \(EACCES\)/);
      await write('own');
      expect(await textOf(folder, 'own', 'config.json')).toBe('v');
    },
  );
});
