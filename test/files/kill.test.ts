/**
 * A process that is killed at any system call of a replacement leaves the old or the new version whole, or what the next
 * reader completes; the next writer finds nothing in its way and leaves nothing behind.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { endInterrupted } from '../../lib/files/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { killPoints, type Write, whyNoTrace, writeUntil, writeVersion } from './kills.js';
import { mounted, whyNoMount } from './mounts.js';

const noTrace = whyNoTrace();
const noMount = noTrace ?? whyNoMount();
const because = (reason: string | null) => (reason === null ? '' : ` (skipped: ${reason})`);

/** All files below a path with their text, hidden ones of Sinter left out. */
async function read(path: string, prefix = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.name.startsWith('.sinter-')) continue;
    const [name, inner] = [`${prefix}${entry.name}`, join(path, entry.name)];
    if (entry.isDirectory()) Object.assign(found, await read(inner, `${name}/`));
    else found[name] = await readFile(inner, 'utf8');
  }
  return found;
}

function expected({ way }: Write, version: string): Record<string, string> {
  if (way === 'file') return { file: version };
  if (way === 'set') return { 'model.onnx': version, 'model.onnx_data': version };
  const both = { 'config.json': version, '1_Pooling/config.json': version };
  return { ...both, [`only-${version}.txt`]: version };
}

interface Case extends Write {
  /** The folder that is read and compared. */
  readonly folder: string;
  /** The path that a reader opens. */
  readonly asked: string;
  /** The folder around it, which must hold no leftovers at the end. */
  readonly beside: string;
}

async function killEverywhere(
  one: Case,
): Promise<{ points: number; states: Record<string, number> }> {
  const states: Record<string, number> = {};
  const log = join(await temporaryFolder(), 'log');
  let before = 'old';
  await writeVersion(one, before);
  const points = await killPoints(one, before, log);
  expect(points.length).toBeGreaterThan(2);
  for (const point of points) {
    const say = JSON.stringify(point);
    expect(await writeUntil(one, 'new', point), say).toBe(true);
    const is = async (version: string) =>
      isDeepStrictEqual(await read(one.folder).catch(() => null), expected(one, version));
    const state = (await is(before)) ? 'old' : (await is('new')) ? 'new' : 'completed';
    states[state] = (states[state] ?? 0) + 1;
    await endInterrupted(one.asked);
    // A replacement that was decided is completed, even when nothing had been moved yet.
    expect((await is('new')) || (state === 'old' && (await is(before))), say).toBe(true);
    before = `after-${point.call}-${point.at}`;
    await writeVersion(one, before);
    expect(await read(one.folder), say).toEqual(expected(one, before));
    const left = (await readdir(one.beside)).filter((name) => name.startsWith('.sinter-'));
    expect(left, say).toEqual([]);
  }
  return { points: points.length, states };
}

const MINUTES = 600_000;

describe('killed at every system call', () => {
  it.skipIf(noTrace !== null)(
    `a folder that is exchanged${because(noTrace)}`,
    async () => {
      const beside = await temporaryFolder();
      const target = join(beside, 'model');
      const { states } = await killEverywhere({
        way: 'folder',
        target,
        folder: target,
        asked: target,
        beside,
      });
      // No moment without a whole model under its name.
      expect(Object.keys(states).sort()).toEqual(['new', 'old']);
    },
    MINUTES,
  );

  it.skipIf(noTrace !== null)(
    `a folder that is renamed twice${because(noTrace)}`,
    async () => {
      const beside = await temporaryFolder();
      const target = join(beside, 'model');
      const write = { way: 'folder', target, isNative: false } as const;
      const { states } = await killEverywhere({ ...write, folder: target, asked: target, beside });
      expect(states.completed).toBe(1);
    },
    MINUTES,
  );

  it.skipIf(noMount !== null)(
    `a mount point that is filled${because(noMount)}`,
    async () => {
      const target = join(await temporaryFolder(), 'volume');
      using _mount = mounted(target, '1m');
      const write = { way: 'folder', target } as const;
      const { states } = await killEverywhere({
        ...write,
        folder: target,
        asked: target,
        beside: target,
      });
      expect(states.completed).toBeGreaterThan(0);
    },
    MINUTES,
  );

  it.skipIf(noTrace !== null)(
    `an ONNX file and its data${because(noTrace)}`,
    async () => {
      const target = join(await temporaryFolder(), 'onnx');
      await mkdir(target);
      const asked = join(target, 'model.onnx');
      const { states } = await killEverywhere({
        way: 'set',
        target,
        folder: target,
        asked,
        beside: target,
      });
      expect(states.completed).toBeGreaterThan(0);
    },
    MINUTES,
  );

  it.skipIf(noTrace !== null)(
    `a file${because(noTrace)}`,
    async () => {
      const beside = await temporaryFolder();
      const target = join(beside, 'file');
      const { states } = await killEverywhere({
        way: 'file',
        target,
        folder: beside,
        asked: target,
        beside,
      });
      expect(Object.keys(states).sort()).toEqual(['new', 'old']);
    },
    MINUTES,
  );
});
