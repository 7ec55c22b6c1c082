/** Trainings that end badly: the model keeps its weights, and the last good checkpoint stays and can be resumed. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mounted, whyNoMount } from '../files/mounts.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { rowsOf, smallClassifier } from './small-classifier.js';

const rows = rowsOf(32);
/** Four steps an epoch. */
const OPTIONS = { batchSize: 8, learningRate: 3e-3, epochs: 3, seed: 1 } as const;
const TEXTS = ['the people', 'states'];

interface Tensor {
  readonly dtype: string;
  readonly data_offsets: readonly [number, number];
}

/** Trains from the start, or resumes; the logits afterwards. */
async function trained(options: object): Promise<Float32Array> {
  await using model = await smallClassifier();
  await model.train(rows, { ...OPTIONS, ...options });
  return (await model.logits(TEXTS)).data;
}

/** Trains until it fails: the error, and that the model has the weights that it had. */
async function failed(options: object, own = rows): Promise<unknown> {
  await using model = await smallClassifier();
  const before = (await model.logits(TEXTS)).data;
  const error = await model.train(own, { ...OPTIONS, ...options }).then(
    () => new Error('the training succeeded'),
    (reason: unknown) => reason,
  );
  expect((await model.logits(TEXTS)).data).toEqual(before);
  return error;
}

describe('the last good checkpoint stays', () => {
  const noMount = whyNoMount();
  const because = noMount === null ? '' : ` (skipped: ${noMount})`;
  it.skipIf(noMount !== null)(`when the disk is full${because}`, async () => {
    const straight = await trained({});
    const folder = join(await temporaryFolder(), 'disk');
    const measured = join(await temporaryFolder(), 'measured');
    await trained({ saveTo: measured });
    const [only = ''] = await readdir(measured);
    const size = (await readFile(join(measured, only))).length;
    using _disk = mounted(folder, `${Math.ceil((1.5 * size) / 1024)}k`);
    const saveTo = join(folder, 'checkpoints');
    expect(await failed({ saveTo })).toMatchObject({
      code: 'FILE_SYSTEM',
      message: expect.stringMatching(
        /checkpoint-8\.safetensors.*no space left on the device \(ENOSPC\)/,
      ),
    });
    expect(await readdir(saveTo)).toEqual(['checkpoint-4.safetensors']);
    const kept = join(await temporaryFolder(), 'checkpoint-4.safetensors');
    await writeFile(kept, await readFile(join(saveTo, 'checkpoint-4.safetensors')));
    expect(await trained({ saveTo: join(kept, '..'), resume: true })).toEqual(straight);
  });

  it('when the training diverges', async () => {
    const saveTo = await temporaryFolder();
    // Each step of the warm-up is far too large, and the later ones more so.
    const options = { saveTo, saveEvery: 1, learningRate: 1e36, warmup: 4, schedule: 'constant' };
    const error = await failed({ ...options, maxGradNorm: 0 });
    expect(String(error)).toMatch(/diverged/);
    const names = await readdir(saveTo);
    expect(names).toHaveLength(1);
    const checkpoint = join(saveTo, names[0] ?? '');
    expect(error).toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining(
        `the model keeps its weights; the last checkpoint, ${checkpoint}, is finite: lower`,
      ),
      details: { checkpoint },
    });
    for (const name of names) {
      const bytes = await readFile(join(saveTo, name));
      const end = 8 + Number(bytes.readBigUInt64LE());
      const header = JSON.parse(bytes.toString('utf8', 8, end));
      for (const { dtype, data_offsets: at } of Object.values<Tensor>(header)) {
        if (dtype !== 'F32') continue;
        const values = new Float32Array(
          Uint8Array.from(bytes.subarray(end + at[0], end + at[1])).buffer,
        );
        expect(values.every(Number.isFinite)).toBe(true);
      }
    }
    const none = await failed({
      ...options,
      maxGradNorm: 0,
      saveTo: await temporaryFolder(),
      saveEvery: 99,
    });
    expect(String(none)).toContain('the model keeps its weights: lower learningRate');
    expect(none).not.toHaveProperty('details.checkpoint');
    const again = await failed({ ...options, maxGradNorm: 0, resume: true });
    expect(String(again)).toMatch(/diverged/);
  });

  it('when it is aborted during an evaluation', async () => {
    const straight = await trained({ eval: rowsOf(8) });
    const saveTo = await temporaryFolder();
    const controller = new AbortController();
    // Steps 4 and 8 end epochs, whose evaluation follows at once.
    const onStep = ({ step }: { step: number }) => {
      if (step === 8) setImmediate(() => controller.abort());
    };
    const options = { eval: rowsOf(8), saveTo, saveEvery: 4 };
    const error = await failed({ ...options, onStep, signal: controller.signal });
    expect(error).toMatchObject({ code: 'CANCELLED' });
    expect(await trained({ ...options, resume: true })).toEqual(straight);
  });
});

it('a checkpoint of another version says so', async () => {
  const saveTo = await temporaryFolder();
  await trained({ saveTo });
  const path = join(saveTo, 'checkpoint-12.safetensors');
  const bytes = await readFile(path);
  await writeFile(
    path,
    Buffer.from(
      bytes.toString('latin1').replace('sinter-training-1', 'sinter-training-9'),
      'latin1',
    ),
  );
  expect(await failed({ saveTo, resume: true })).toMatchObject({
    code: 'INVALID_DATA',
    message: `${path}: is a checkpoint of another version (sinter-training-9, this one reads sinter-training-1); start the training again`,
  });
});
