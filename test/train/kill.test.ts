/** A training that is killed thirty times, at random moments, ends with the bits of one that was never killed. */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { Random } from '../kernels/native-test.js';
import { BERT, rowsOf } from './small-classifier.js';

const CHILD = fileURLToPath(new URL('./children/killed-training.mjs', import.meta.url));
const KILLS = 30;
const ROWS = JSON.stringify(rowsOf(40));
/** Five steps an epoch, 200 in all. */
const OPTIONS = {
  epochs: 40,
  batchSize: 8,
  learningRate: 2e-3,
  eval: rowsOf(10, true),
  evalSteps: 7,
  averageDecay: 0.9,
  loadBestModelAtEnd: true,
};

/** A copy of the model with dropout. */
async function modelIn(folder: string): Promise<string> {
  const model = join(folder, 'model');
  await cp(BERT, model, { recursive: true });
  const path = join(model, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  const dropout = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
  await writeFile(path, JSON.stringify({ ...config, ...dropout }));
  return model;
}

interface End {
  /** Steps that this process took, by their numbers. */
  readonly steps: readonly number[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the child, and kills it `after` so many steps of its own and so many milliseconds. */
async function train(args: readonly string[], after?: readonly [number, number]): Promise<End> {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<Omit<End, 'steps'>>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  let text = '';
  const steps = () => text.split('\n').slice(0, -1).map(Number);
  let isAimed = false;
  for await (const piece of child.stdout) {
    text += piece;
    if (after === undefined || isAimed || steps().length < after[0]) continue;
    isAimed = true;
    await delay(after[1]);
    child.kill('SIGKILL');
  }
  return { steps: steps(), ...(await ended) };
}

async function digestOf(folder: string): Promise<string> {
  const bytes = await readFile(join(folder, 'model.safetensors'));
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a training with checkpoints', () => {
  it(`survives ${KILLS} kills`, { timeout: 300_000 }, async () => {
    const folder = await temporaryFolder();
    const model = await modelIn(folder);
    const [straight, killed] = [join(folder, 'straight'), join(folder, 'killed')];
    const whole = await train([model, ROWS, JSON.stringify(OPTIONS), straight]);
    expect([whole.code, whole.steps.length]).toEqual([0, 200]);
    const saveTo = join(folder, 'checkpoints');
    const plan = { saveTo, saveEvery: 1, saveTotalLimit: 2, resume: true };
    const args = [model, ROWS, JSON.stringify({ ...OPTIONS, ...plan }), killed];
    const random = new Random(5);
    const firsts: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const { signal, steps } = await train(args, [random.integer(1, 3), random.integer(0, 12)]);
      expect(signal).toBe('SIGKILL');
      firsts.push(steps[0] ?? Number.NaN);
      // Each process goes on where a checkpoint is, and repeats at most the step that was not saved.
      expect(firsts[kill]).toBeGreaterThanOrEqual(firsts[kill - 1] ?? 1);
    }
    expect(firsts.at(-1)).toBeGreaterThan(KILLS / 2);
    const { code } = await train(args);
    expect(code).toBe(0);
    expect(await digestOf(killed)).toBe(await digestOf(straight));
    // What the killed processes left is gone.
    const names = await readdir(saveTo);
    expect(names.sort()).toEqual(['checkpoint-199.safetensors', 'checkpoint-200.safetensors']);
  });
});
