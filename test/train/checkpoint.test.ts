/**
 * Checkpoints: a run that is taken up in a new process ends in the bits of one that was never interrupted, and a file that
 * is not as it was written is refused before the trainer is touched.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import type { NativeTrainer, TrainerSettings } from '../../lib/native/training.js';
import { readCheckpoint, writeCheckpoint } from '../../lib/train/checkpoint.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';
import { Random } from '../kernels/native-test.js';
import { FAMILY_VOCABULARY, familyGraph } from '../native/family-toy.js';
import {
  ADAMW,
  batchOf,
  engine,
  labelsFor,
  randomWeights,
  sealed,
  step,
  toyGraph,
} from '../native/toy.js';

const SGD: TrainerSettings = {
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false },
  groups: [],
};
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sinter-checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['adamw', 'sgd', 'adam', 'lamb', 'lion'] as const)(
  'a run of %s with dropout and masks',
  (optimizer) => {
    const child = fileURLToPath(new URL('./children/resume.mjs', import.meta.url));
    let model: string;
    beforeAll(() => {
      const graph = familyGraph('vocabulary', 0.1);
      const weights = [...randomWeights(graph, 6)].map(([name, values]) => [name, [...values]]);
      const options = { vocabulary: FAMILY_VOCABULARY, segments: false };
      const random = new Random(4);
      const lengths = Array.from({ length: 60 }, () => random.integer(2, 18));
      const { ids, offsets } = batchOf(lengths, 3, options);
      const settings = readTrainOptions(
        'train',
        {
          optimizer,
          batchSize: 8,
          groupByLength: optimizer === 'sgd',
          learningRate: 1e-2,
          averageDecay: optimizer === 'lamb' ? 0.9 : 0,
        },
        TRAIN_OPTIONS,
      );
      model = join(folder, `${optimizer}.json`);
      const corpus = { ids: [...ids], offsets: [...offsets] };
      const all = { graph, weights: Object.fromEntries(weights), corpus, settings, lanes: [2, 1] };
      writeFileSync(model, JSON.stringify(all));
    });

    async function run(plan: object, last: number) {
      const args = [child, model, JSON.stringify(plan), `${last}`];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      return JSON.parse(stdout) as { hash: string; losses: [number, number][]; epochs: object[] };
    }

    it('goes on in a new process with equal bits, whatever was lost after the save', async () => {
      const saved = join(folder, optimizer);
      const straight = await run({}, 0);
      expect(straight.losses).toHaveLength(24);
      // Eight steps an epoch: the save is in the middle of the second one.
      await run({ folder: saved, everySteps: 10, limit: 1, resume: false }, 13);
      expect(readdirSync(saved)).toEqual(['checkpoint-10.safetensors']);
      const resumed = await run({ folder: saved, everySteps: 1000, limit: 1, resume: true }, 0);
      expect(resumed.losses).toEqual(straight.losses);
      expect(resumed.hash).toBe(straight.hash);
      expect(resumed.epochs).toEqual(straight.epochs);
    });

    it('is not taken up with other options', async () => {
      const plan = { folder: join(folder, `${optimizer}-other`), everySteps: 3, limit: 1 };
      await run({ ...plan, resume: false }, 4);
      const text = readFileSync(model, 'utf8');
      writeFileSync(model, text.replace('"batchSize":8', '"batchSize":7'));
      const failed = run({ ...plan, resume: true }, 0);
      await expect(failed).rejects.toThrow('with other options: batchSize was 8, not 7');
      writeFileSync(model, text);
    });
  },
);

const graph = toyGraph({ layers: 1, vocabulary: 3000, hidden: 96 });
const batch = batchOf([5, 9, 3], 2, { vocabulary: 3000 });

async function trained(settings = ADAMW, steps = 2) {
  const program = await sealed(graph, randomWeights(graph, 1), true);
  const trainer = new (engine().Trainer)(program, settings);
  for (let i = 0; i < steps; i++)
    await step(trainer, batch, labelsFor(batch, i), { update: true, dropoutSeed: i });
  return trainer;
}

/** A digest of each buffer of the state, by name. */
function stateOf(trainer: NativeTrainer): Record<string, string> {
  const { steps, buffers } = trainer.state();
  const bytes = buffers.map(({ name, dtype, elements }) => {
    const size = dtype === 'u8' ? elements : 4 * elements;
    const digest = createHash('sha256')
      .update(trainer.readState(name, 0, size))
      .digest('hex');
    return [name, digest] as const;
  });
  return { ...Object.fromEntries(bytes), steps: `${steps}` };
}

describe('a checkpoint', () => {
  it('has the whole state, in pieces of a megabyte at most', async () => {
    const trainer = await trained();
    const sizes: number[] = [];
    const spied = new Proxy(trainer, {
      get(target, key) {
        const value = Reflect.get(target, key) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          const result = value.apply(target, args);
          if (result instanceof Uint8Array) sizes.push(result.byteLength);
          return result;
        };
      },
    });
    const path = join(folder, 'whole.safetensors');
    await writeCheckpoint(path, spied, { note: 'ä' });
    expect(Math.max(...sizes)).toBe(2 ** 20);
    const other = await trained(ADAMW, 0);
    expect(await readCheckpoint(path, other)).toEqual({ steps: 2, extra: { note: 'ä' } });
    const want = stateOf(trainer);
    expect(stateOf(other)).toEqual(want);
    expect(Object.keys(want)).toContain('seen:tokens');
    // The next step has the same bits.
    for (const one of [trainer, other])
      await step(one, batch, labelsFor(batch, 5), { update: true });
    expect(stateOf(other)).toEqual(stateOf(trainer));
  });

  it('has a report of any length, larger than a header may be, and notices a changed byte', async () => {
    const path = join(folder, 'report.safetensors');
    const report = new Uint8Array(9 << 20).map((_, i) => i % 251);
    await writeCheckpoint(path, await trained(), {}, undefined, report);
    const other = await trained(ADAMW, 0);
    const read = await readCheckpoint(path, other);
    expect(Buffer.compare(read.report ?? new Uint8Array(), report)).toBe(0);
    const bytes = readFileSync(path);
    const place = bytes.indexOf(Buffer.from(report.subarray(0, 251)));
    bytes[place + 100] = 255;
    writeFileSync(path, bytes);
    await expect(readCheckpoint(path, other)).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
  });

  it('of another optimizer or model is refused', async () => {
    const path = join(folder, 'other.safetensors');
    await writeCheckpoint(path, await trained(SGD), {});
    const trainer = await trained();
    await expect(readCheckpoint(path, trainer)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining('is of another model or optimizer: it has no exp_avg:'),
    });
    await expect(readCheckpoint(path, await trained(SGD))).resolves.toBeDefined();
  });

  it('that holds a number that is not finite is refused', async () => {
    const trainer = await trained();
    const bytes = new Uint8Array(Float32Array.of(1, Number.NaN).buffer);
    const name = 'weight:classifier.weight';
    const written = trainer.writeState(name, 0, bytes, engine().nextJobId());
    await expect(written).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
  });

  it('with any byte changed, or cut off, is refused, and the trainer is as before', async () => {
    const path = join(folder, 'mutant.safetensors');
    await writeCheckpoint(path, await trained(), { epoch: 3 });
    const whole = readFileSync(path);
    const header = 8 + Number(whole.readBigUInt64LE(0));
    const target = await trained(ADAMW, 1);
    const before = stateOf(target);
    const random = new Random(8);
    const refused = async (bytes: Uint8Array, what: string) => {
      writeFileSync(path, bytes);
      const error: unknown = await readCheckpoint(path, target).then(
        () => `${what} was accepted`,
        (reason: unknown) => reason,
      );
      expect(error, what).toBeInstanceOf(SinterError);
      const { code } = error as SinterError;
      expect(['CORRUPT_MODEL', 'INVALID_DATA', 'UNSUPPORTED_MODEL'], what).toContain(code);
    };
    for (let i = 0; i < 60; i++) {
      const at = i < 40 ? random.integer(0, header - 1) : random.integer(header, whole.length - 1);
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
      await refused(bytes, `byte ${at}`);
    }
    for (const length of [0, 7, header - 1, header, whole.length - 1])
      await refused(whole.subarray(0, length), `${length} bytes`);
    expect(stateOf(target)).toEqual(before);
  });
});
