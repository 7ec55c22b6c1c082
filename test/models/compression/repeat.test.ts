/**
 * The same rows, options and latency table give the same bits: again, after kills, on other instruction sets, and on more lanes.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Classifier } from '../../../lib/index.js';
import { temporaryFolder } from '../../formats/temporary-folder.js';
import { hostLevels } from '../../isa-levels.js';
import { labelModel, labelRows, QUICK } from './kinds.js';

const CHILD = fileURLToPath(new URL('./children/compress.mjs', import.meta.url));
const OPTIONS = { ...QUICK, rows: labelRows(100), target: { bytes: 14_000 }, epochs: 6 } as const;

let model: Classifier<'early' | 'late'>;
beforeAll(async () => {
  model = await labelModel();
});
afterAll(() => model.dispose());

async function savedModel(): Promise<string> {
  const folder = join(await temporaryFolder(), 'original');
  await model.save(folder);
  return folder;
}

interface End {
  readonly lines: readonly string[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the child, and kills it `after` so many lines of progress and so many milliseconds. */
async function compress(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  after?: readonly [number, number],
): Promise<End> {
  const child = spawn(process.execPath, [CHILD, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = new Promise<Omit<End, 'lines'>>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  let text = '';
  const lines = () => text.split('\n').slice(0, -1);
  let isAimed = false;
  for await (const piece of child.stdout) {
    text += piece;
    if (after === undefined || isAimed || lines().length < after[0]) continue;
    isAimed = true;
    await delay(after[1]);
    child.kill('SIGKILL');
  }
  return { lines: lines(), ...(await ended) };
}

async function digestOf(folder: string): Promise<string> {
  const bytes = await readFile(join(folder, 'model.safetensors'));
  return createHash('sha256').update(bytes).digest('hex');
}

describe('compress', () => {
  it('gives the same bits with the latency table of the first run', async () => {
    const { target: _, ...rest } = OPTIONS;
    const options = { ...rest, target: { speedup: 1.6 } };
    const first = await model.compress(options);
    const { latency } = first.report.data;
    expect(latency).not.toBeNull();
    // What a file would give.
    const stored = JSON.parse(JSON.stringify(latency)) as object;
    const second = await model.compress({ ...options, latency: stored });
    const folder = await temporaryFolder();
    await first.model.save(join(folder, 'first'));
    await second.model.save(join(folder, 'second'));
    await first.model.dispose();
    await second.model.dispose();
    expect(await digestOf(join(folder, 'second'))).toBe(await digestOf(join(folder, 'first')));
    expect(second.report.data.latency).toEqual(latency);
  });

  it('survives kills', { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const original = await savedModel();
    const [straight, killed] = [join(folder, 'straight'), join(folder, 'killed')];
    const whole = await compress([original, JSON.stringify(OPTIONS), straight]);
    expect(whole.code).toBe(0);
    const workFolder = join(folder, 'work');
    const args = [original, JSON.stringify({ ...OPTIONS, workFolder }), killed];
    const count = whole.lines.length - 1;
    let kills = 0;
    for (let line = 1; line <= count; line += 1) {
      const { signal } = await compress(args, {}, [line, (7 * line) % 40]);
      if (signal === 'SIGKILL') kills += 1;
    }
    expect(kills).toBeGreaterThan(3);
    expect((await compress(args)).code).toBe(0);
    expect(await digestOf(killed)).toBe(await digestOf(straight));
    // Checkpoints of trainings that ended are gone.
    const left = (await readdir(workFolder)).filter((name) => name.endsWith('.training'));
    expect(left).toEqual([]);
  });

  it('gives the same bits on other instruction sets and lanes', { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const original = await savedModel();
    const digests: string[] = [];
    const levels = hostLevels();
    const places = [
      { SINTER_ISA: 'scalar' },
      { SINTER_ISA: levels.at(-1) ?? 'scalar', TEST_LANES: '2' },
      { SINTER_ISA: levels[1] ?? 'scalar', TEST_LANES: '3' },
    ];
    for (const [i, env] of places.entries()) {
      const out = join(folder, `${i}`);
      const { code } = await compress([original, JSON.stringify(OPTIONS), out], env);
      expect(code).toBe(0);
      digests.push(await digestOf(out));
    }
    expect(new Set(digests).size).toBe(1);
  });

  it('has one candidate in memory at a time', { timeout: 120_000 }, async () => {
    const folder = await temporaryFolder();
    const original = await savedModel();
    const { lines, code } = await compress([
      original,
      JSON.stringify(OPTIONS),
      join(folder, 'small'),
    ]);
    expect(code).toBe(0);
    const most = Number(lines.at(-1)?.replace('memory: ', ''));
    // Loose: a Node process with the library takes about a fifth of it.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(700e6);
  });
});
