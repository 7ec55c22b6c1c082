// The audit log: what is written verifies, whatever is changed does not, and a kill costs at most the last lines.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AuditHead, AuditLog } from '../../lib/monitor/audit/audit-log.js';
import { type AuditOptions, readAuditOptions } from '../../lib/monitor/audit/options.js';
import { inputHash } from '../../lib/monitor/audit/text-hashes.js';
import { verifyFiles } from '../../lib/monitor/audit/verify.js';
import { mounted, whyNoMount } from '../files/mounts.js';
import { until } from '../server/support.js';
import { finished } from './records.js';

const newFolder = () => mkdtemp(join(tmpdir(), 'sinter-monitor-'));
const open = (folder: string, more: Partial<AuditOptions> = {}) =>
  AuditLog.open(readAuditOptions('test', { folder, ...more }));

const noMount = whyNoMount();

/** All lines of a log. */
async function readAll(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}

async function write(folder: string, count: number, more: Partial<AuditOptions> = {}) {
  const log = await open(folder, more);
  for (let i = 0; i < count; i++) log.onRequest(finished({ requestId: `r${i}` }));
  await log.close();
  return log.head;
}

describe('an audit log', () => {
  it('verifies, goes on after a restart, and begins new files', async () => {
    const folder = await newFolder();
    await write(folder, 50, { maxFileBytes: 4096 });
    const head = await write(folder, 7, { maxFileBytes: 4096 });
    const names = (await readdir(folder)).sort();
    expect(names.length).toBeGreaterThan(1);
    expect(names.every((name) => /^audit-\d{6}\.jsonl$/.test(name))).toBe(true);
    const found = await verifyFiles([folder], { head: head.hash });
    expect(found).toMatchObject({
      isIntact: true,
      requests: 57,
      lines: 61,
      broken: null,
      notes: [],
    });
    expect(found.head).toEqual({ seq: head.seq, hash: head.hash });
    expect(await verifyFiles(names.map((name) => join(folder, name)))).toMatchObject({
      isIntact: true,
    });
  });

  it('has no text, and hashes of texts only where they are wanted', async () => {
    const folder = await newFolder();
    const log = await open(folder, { textHash: true, textKey: 'k' });
    const request = finished({});
    const inputs = ['a secret', ['q', 'a secret'], [101, 102]] as const;
    log.onResult({ inputs, facts: request.facts } as never);
    log.onRequest(request);
    log.onRequest(finished({ requestId: 'other' }));
    await log.close();
    const text = await readFile(join(folder, 'audit-000001.jsonl'), 'utf8');
    expect(text).not.toContain('secret');
    const [, first, second] = text.split('\n').map((line) => (line === '' ? {} : JSON.parse(line)));
    expect(first.inputHashes).toEqual(inputs.map((input) => inputHash(input, 'k')));
    expect(second).not.toHaveProperty('inputHashes');
    expect(first).toMatchObject({ kind: 'request', route: '/predict', texts: 3, outcome: 'ok' });
  });

  it('tells its end after every thousand requests', async () => {
    const heads: number[] = [];
    await write(await newFolder(), 2500, { onAnchor: ({ seq }) => heads.push(seq) });
    expect(heads).toEqual([1002, 2003]);
  });

  it('tells no end that is not in its file yet, also of requests that come while others are written', async () => {
    const folder = await newFolder();
    const told: boolean[] = [];
    const log = await open(folder, {
      maxFileBytes: 100_000,
      onAnchor: ({ file, hash }) => {
        told.push(readFileSync(join(folder, file), 'utf8').includes(hash));
      },
    });
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j < 1100; j++) log.onRequest(finished({}));
      // The lines before are being written.
      await Promise.resolve();
    }
    await log.close();
    expect(told).toEqual(Array(6).fill(true));
  });

  it('is written by one process at a time', async () => {
    const folder = await newFolder();
    const log = await open(folder);
    await expect(open(folder)).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
    await log.close();
    await (await open(folder)).close();
    // A lock of a process that is gone, and one that a kill left empty.
    const dead = { host: (await import('node:os')).hostname(), pid: 2 ** 22 + 1, start: null };
    for (const content of [JSON.stringify(dead), '']) {
      await writeFile(join(folder, 'writer.lock'), content);
      await (await open(folder)).close();
    }
    expect(await verifyFiles([folder])).toMatchObject({ isIntact: true });
  });

  it.skipIf(noMount !== null)(
    `goes on when a full disk has room again, and says how many lines are missing${noMount === null ? '' : ` (skipped: ${noMount})`}`,
    async () => {
      const disk = join(await newFolder(), 'disk');
      using _disk = mounted(disk, '256k');
      const folder = join(disk, 'audit');
      const failures: unknown[] = [];
      const heads: AuditHead[] = [];
      const log = await open(folder, {
        ...{ fsyncMs: 50, maxFileBytes: 30_000 },
        onFailure: (error) => failures.push(error),
        onAnchor: (head) => heads.push(head),
      });
      let told = 0;
      const tell = async (count: number) => {
        for (let i = 0; i < count; i++) log.onRequest(finished({ requestId: `r${told++}` }));
        await log.flush();
      };
      await tell(100);
      expect(failures).toEqual([]);
      // Room for a part of a line only.
      const filling = join(disk, 'filling');
      const { bavail, bsize } = await statfs(disk);
      await writeFile(filling, Buffer.alloc((bavail - 1) * bsize));
      for (let i = 0; i < 30; i++) await tell(40);
      expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
      await rm(filling);
      await until(async () => (await readAll(folder)).includes('"kind":"dropped"'));
      await tell(10);
      await log.close();
      const found = await verifyFiles([folder]);
      expect(found).toMatchObject({ isIntact: true, broken: null });
      const lines = (await readAll(folder))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      const dropped = lines.filter(({ kind }) => kind === 'dropped');
      expect(dropped.map(({ why }) => why)).toEqual(['the disk took no lines: ENOSPC']);
      expect(found.requests + dropped[0].count).toBe(told);
      expect(lines.slice(-11).map(({ kind }) => kind)).toEqual([
        ...Array(10).fill('request'),
        'close',
      ]);
      // Whoever keeps the heads finds all of them.
      for (const { hash } of heads) {
        expect(await verifyFiles([folder], { head: hash })).toMatchObject({ isIntact: true });
      }
      // The next start goes on after the last line.
      await write(folder, 3);
      expect(await verifyFiles([folder])).toMatchObject({ isIntact: true, broken: null });
    },
  );

  it.skipIf(noMount !== null)(
    'closes on a full disk, and the next start finds it intact',
    async () => {
      const disk = join(await newFolder(), 'disk');
      using _disk = mounted(disk, '64k');
      const folder = join(disk, 'audit');
      const failures: unknown[] = [];
      const log = await open(folder, { onFailure: (error) => failures.push(error) });
      for (let i = 0; i < 400; i++) log.onRequest(finished({ requestId: `r${i}` }));
      await log.close();
      expect(failures).toHaveLength(1);
      const found = await verifyFiles([folder]);
      expect(found).toMatchObject({ isIntact: true, broken: null });
      expect(found.requests).toBeLessThan(400);
      await expect(open(join(disk, 'other'))).rejects.toMatchObject({ code: 'ENOSPC' });
    },
  );

  it('drops lines that the disk cannot take, and says how many', async () => {
    const folder = await newFolder();
    const log = await open(folder, { maxBufferBytes: 2000 });
    for (let i = 0; i < 100; i++) log.onRequest(finished({}));
    await log.flush();
    log.onRequest(finished({}));
    await log.close();
    const { isIntact, requests, notes } = await verifyFiles([folder]);
    expect(isIntact).toBe(true);
    const dropped = Number(/(\d+) lines were dropped/.exec(notes.join())?.[1]);
    expect(requests + dropped).toBe(101);
    expect(dropped).toBeGreaterThan(50);
  });
});

describe('verification', () => {
  let lines: readonly string[] = [];
  let head = '';

  beforeAll(async () => {
    const folder = await newFolder();
    head = (await write(folder, 20)).hash;
    lines = (await readFile(join(folder, 'audit-000001.jsonl'), 'utf8')).split('\n').slice(0, -1);
  });

  const verify = async (changed: readonly string[], options = {}, end = '\n') => {
    const path = join(await newFolder(), 'audit-000001.jsonl');
    await writeFile(path, changed.join('\n') + end);
    return verifyFiles([path], options);
  };

  it('takes the log as it is', async () => {
    expect(await verify(lines, { head })).toMatchObject({ isIntact: true, notes: [] });
  });

  it('names a line of which one bit was changed, whichever it is', async () => {
    for (const [i, line] of lines.entries()) {
      for (const at of [0, 9, Math.floor(line.length / 2), line.length - 30, line.length - 1]) {
        const flipped = String.fromCharCode(line.charCodeAt(at) ^ 1);
        const changed = line.slice(0, at) + flipped + line.slice(at + 1);
        const { broken } = await verify(lines.with(i, changed));
        expect([i, at, broken?.line]).toEqual([i, at, i + 1]);
      }
    }
  });

  it('names the first line after one that was deleted, added twice or moved', async () => {
    for (let i = 1; i < lines.length - 1; i++) {
      const without = lines.toSpliced(i, 1);
      const { broken } = await verify(without);
      expect(broken?.line).toBe(i + 1);
      expect(broken?.what).toMatch(/lines are missing or were moved/);
      expect((await verify(lines.toSpliced(i, 0, lines[i] ?? ''))).broken?.line).toBe(i + 2);
      const swapped = lines.with(i, lines[i + 1] ?? '').with(i + 1, lines[i] ?? '');
      expect((await verify(swapped)).broken?.line).toBe(i + 1);
    }
  });

  it('finds lines that are missing at the end by a head that was kept', async () => {
    const cut = lines.slice(0, -5);
    const plain = await verify(cut);
    expect(plain).toMatchObject({ isIntact: true });
    expect(plain.notes.join()).toMatch(/no last line/);
    expect((await verify(cut, { head })).broken?.what).toMatch(/is missing/);
    const first = await verify(lines.slice(3));
    expect(first.notes.join()).toMatch(/begins with line 4/);
  });

  it('knows a torn last line, and takes none elsewhere', async () => {
    const torn = lines.with(-1, (lines.at(-1) ?? '').slice(0, 40));
    const { isIntact, notes } = await verify(torn, {}, '');
    expect(isIntact).toBe(true);
    expect(notes.join()).toMatch(/the last line is not whole/);
    expect((await verify(torn.slice(0, -1).with(3, 'x'))).broken?.line).toBe(4);
  });

  it('finds a log that was written anew without the key', async () => {
    const folder = await newFolder();
    await write(folder, 5, { key: 'secret' });
    expect(await verifyFiles([folder], { key: 'secret' })).toMatchObject({ isIntact: true });
    expect((await verifyFiles([folder], { key: 'other' })).broken?.line).toBe(1);
    expect((await verifyFiles([folder])).broken?.line).toBe(1);
  });
});

const CHILD = fileURLToPath(new URL('children/audit.mjs', import.meta.url));

describe('a kill', () => {
  it('leaves a log that verifies and goes on', async () => {
    const folder = await newFolder();
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [CHILD, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const { isIntact, requests } = await verifyFiles([folder]);
    expect(isIntact).toBe(true);
    expect(requests).toBeGreaterThan(100);
    await write(folder, 1);
    const after = await verifyFiles([folder]);
    expect(after.isIntact).toBe(true);
    expect(after.notes.filter((note) => note.includes('was not closed'))).toHaveLength(3);
  });

  it('may tear the last line, which is healed with a note', async () => {
    const folder = await newFolder();
    await write(folder, 3);
    const path = join(folder, 'audit-000001.jsonl');
    await appendFile(path, '{"seq":6,"time":"20');
    expect(await verifyFiles([folder])).toMatchObject({ isIntact: true });
    await write(folder, 2);
    const { isIntact, notes } = await verifyFiles([folder]);
    expect(isIntact).toBe(true);
    expect(notes.join()).toMatch(/19 bytes of a torn line were cut off/);
  });

  it('is told from a change: a broken last line is not continued', async () => {
    const folder = await newFolder();
    await write(folder, 3);
    const path = join(folder, 'audit-000001.jsonl');
    await appendFile(path, '{"seq":6,"kind":"request"}\n');
    await expect(open(folder)).rejects.toMatchObject({ code: 'INVALID_DATA' });
    await rm(path);
    await (await open(folder)).close();
  });
});
