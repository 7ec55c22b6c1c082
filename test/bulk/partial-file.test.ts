// A result that grows over several processes: what is refused, and what a killed process may leave.
import {
  appendFile,
  readdir,
  readFile,
  rename,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PartialFile } from '../../lib/bulk/partial-file.js';
import type { JsonObject } from '../../lib/core/json.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const SUBJECT = { input: '9 bytes, sha256 ab', model: 'm', '--dimensions': 8 };

async function begun(path: string, subject: JsonObject = SUBJECT) {
  const place = await PartialFile.take(path, []);
  try {
    const done = await place.open({ subject, total: 6 });
    return { place, done };
  } catch (error) {
    await place[Symbol.asyncDispose]();
    throw error;
  }
}

/** Two of six rows, and the beginning of more that no journal tells of. */
async function interrupted(): Promise<string> {
  const path = join(await temporaryFolder(), 'rows.txt');
  const { place, done } = await begun(path);
  expect(done).toEqual({ rows: 0, bytes: 0, notes: [] });
  await place.append('one\ntwo\n');
  await place.commit(2, { seen: 2 });
  await place.append('lost\n'.repeat(100));
  await place[Symbol.asyncDispose]();
  return path;
}

describe('an interrupted job', () => {
  it('goes on behind its last step and leaves nothing but the file', async () => {
    const path = await interrupted();
    const { place, done } = await begun(path);
    expect(done).toEqual({ rows: 2, bytes: 8, notes: [{ seen: 2 }] });
    expect(place.bytes).toBe(8);
    await place.append('rest\n');
    await place.patch(Buffer.from('O'), 0);
    await place.commit(6, null);
    await place.place();
    await place[Symbol.asyncDispose]();
    expect(await readFile(path, 'utf8')).toBe('One\ntwo\nrest\n');
    expect(await readdir(join(path, '..'))).toEqual(['rows.txt']);
  });

  it('a torn last line of the journal counts as not written', async () => {
    const path = await interrupted();
    await appendFile(`${path}.journal`, '{"rows":4,"by');
    const { place, done } = await begun(path);
    expect(done?.rows).toBe(2);
    await place.append('more\n');
    await place.commit(4, null);
    await place[Symbol.asyncDispose]();
    const lines = (await readFile(`${path}.journal`, 'utf8')).trimEnd().split('\n');
    expect(lines.slice(1).map((line) => JSON.parse(line))).toEqual([
      { rows: 2, bytes: 8, note: { seen: 2 } },
      { rows: 4, bytes: 13, note: null },
    ]);
  });

  it('another file of the same name stays as it was until the job ends', async () => {
    const path = await interrupted();
    await writeFile(path, 'old');
    const { place } = await begun(path);
    expect(await readFile(path, 'utf8')).toBe('old');
    await place.commit(6, null);
    await place.place();
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
    await place[Symbol.asyncDispose]();
  });

  it('killed behind the renaming: the file is complete, and the journal goes', async () => {
    const path = await interrupted();
    await rename(`${path}.partial`, path);
    await truncate(path, 8);
    await appendFile(`${path}.journal`, '{"finished":8}\n');
    const { place, done } = await begun(path);
    expect(done).toBeNull();
    await place[Symbol.asyncDispose]();
    expect(await readdir(join(path, '..'))).toEqual(['rows.txt']);
  });

  it('killed before the renaming: the end is written again', async () => {
    const path = await interrupted();
    await appendFile(`${path}.journal`, '{"finished":8}\n');
    const { place, done } = await begun(path);
    expect(done?.rows).toBe(2);
    await place[Symbol.asyncDispose]();
    expect(await readFile(`${path}.journal`, 'utf8')).not.toContain('finished');
  });
});

describe('a link', () => {
  it('stays one, and its file is written beside itself', async () => {
    const path = await interrupted();
    const link = join(await temporaryFolder(), 'link.txt');
    await symlink(path, link);
    const { place, done } = await begun(link);
    expect(done?.rows).toBe(2);
    expect(place.partialPath).toBe(`${path}.partial`);
    await place.place();
    expect(await readFile(link, 'utf8')).toBe('one\ntwo\n');
    await place[Symbol.asyncDispose]();
  });
});

describe('refused', () => {
  it('a job of another input, model or option, by name', async () => {
    const path = await interrupted();
    const now = (change: JsonObject) => begun(path, { ...SUBJECT, ...change });
    await expect(now({ input: 'other' })).rejects.toThrow(
      /rows\.txt\.journal: is of another job: input was "9 bytes, sha256 ab" then and is "other" now; remove .*rows\.txt\.journal and .*rows\.txt\.partial/,
    );
    await expect(now({ model: 'n' })).rejects.toMatchObject({ code: 'INVALID_DATA' });
    await expect(now({ '--dimensions': 4 })).rejects.toThrow(
      '--dimensions was 8 then and is 4 now',
    );
    await expect(now({ '--bom': true })).rejects.toThrow('--bom was not given then and is true');
    // Nothing of it was lost.
    const { place, done } = await begun(path);
    expect(done?.rows).toBe(2);
    await place[Symbol.asyncDispose]();
  });

  it('two at one file', async () => {
    const path = await interrupted();
    const { place } = await begun(path);
    await expect(PartialFile.take(path, [])).rejects.toMatchObject({
      code: 'FILE_SYSTEM',
      message: expect.stringContaining('another process is writing it'),
    });
    await place[Symbol.asyncDispose]();
    const again = await PartialFile.take(path, []);
    await again[Symbol.asyncDispose]();
  });

  it.each([
    ['cut', (path: string) => truncate(`${path}.partial`, 7), /has 7 bytes, and its journal/],
    ['missing', (path: string) => rename(`${path}.partial`, path), /\.partial: is missing, and/],
    ['alone', (path: string) => rename(`${path}.journal`, path), /without its journal/],
    ['text', (path: string) => writeFile(`${path}.journal`, 'text\n'), /is not the journal/],
    [
      'a step back',
      (path: string) => appendFile(`${path}.journal`, '{"rows":1,"bytes":9,"note":null}\n'),
      /is damaged in line 3/,
    ],
    [
      'too many rows',
      (path: string) => appendFile(`${path}.journal`, '{"rows":7,"bytes":9,"note":null}\n'),
      /is damaged in line 3/,
    ],
  ])('what was left is %s', async (_what, change, says) => {
    const path = await interrupted();
    await change(path);
    await expect(begun(path)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringMatching(says),
    });
  });

  it('a claim of another machine counts for as long as it is touched', {
    timeout: 60_000,
  }, async () => {
    const path = await interrupted();
    const folder = join(path, '..');
    const { place } = await begun(path);
    const [own = ''] = (await readdir(folder)).filter((name) => name.startsWith('.sinter-'));
    await place[Symbol.asyncDispose]();
    // The third part of the name is the machine.
    const parts = own.split('-');
    parts[2] = parts[2] === '00000000' ? '11111111' : '00000000';
    const other = join(folder, parts.join('-'));
    await writeFile(other, '');
    const touching = setInterval(() => void utimes(other, new Date(), new Date()), 500);
    await expect(PartialFile.take(path, [])).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
    clearInterval(touching);
    const again = await PartialFile.take(path, []);
    expect(await readdir(folder)).not.toContain(parts.join('-'));
    await again[Symbol.asyncDispose]();
  });

  it('a folder that is missing, a file that is an input', async () => {
    const path = join(await temporaryFolder(), 'no', 'rows.txt');
    await expect(PartialFile.take(path, [])).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
    const own = await interrupted();
    await expect(PartialFile.take(own, [`${own}.partial`])).rejects.toThrow(RangeError);
  });
});
