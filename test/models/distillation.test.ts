/** Distillation from the inside of a teacher: hidden states, relations and vectors, into students of fewer layers and other widths. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';
import { cutFolder } from './cut-folder.js';

const TINY = encoderFolder('bert') ?? '';
const NARROW = encoderFolder('bert-gelu-new') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
const texts = Array.from({ length: 48 }, (_, i) =>
  [0, 3, 5].map((step) => WORDS[(i * 7 + step * i) % WORDS.length]).join(' '),
);
const rows = texts.map((text, i) => ({ text, label: (i * 7) % 10 < 5 ? 'low' : 'high' }));
const labels = ['low', 'high'];
const FAST = { epochs: 6, batchSize: 8, learningRate: 3e-3, warmup: 0, seed: 5 } as const;

const load = (path: string) => Encoder.load(path, { pooling: 'mean' });

/** An encoder with the teacher's first two layers. */
async function shorter(teacher: Encoder): Promise<Encoder> {
  return load(await cutFolder(teacher, { layers: [2] }));
}

/** Loss of the last epoch against that of the first one. */
const falls = ({ epochs }: { readonly epochs: readonly { readonly trainLoss: number }[] }) =>
  (epochs.at(-1)?.trainLoss ?? 1) / (epochs[0]?.trainLoss ?? 1);

async function meanCosine(a: Encoder, b: Encoder): Promise<number> {
  const [x, y] = await Promise.all([a.embed(texts), b.embed(texts)]);
  const dot = (p: Float32Array, q: Float32Array) => p.reduce((s, v, i) => s + v * (q[i] ?? 0), 0);
  const cosines = texts.map((_, i) => {
    const [p, q] = [x.row(i), y.row(i)];
    return dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
  });
  return cosines.reduce((s, v) => s + v, 0) / cosines.length;
}

describe('encoder.train with distillation', () => {
  it('one teacher serves several trainings at once', async () => {
    await using teacher = await load(TINY);
    await using one = await shorter(teacher);
    await using other = await shorter(teacher);
    const distillation = { teacher, hiddenStates: [{ student: 1, teacher: 1 }] };
    const plain = texts.map((text) => ({ text }));
    const reports = await Promise.all(
      [one, other].map((student) => student.train(plain, { ...FAST, distillation })),
    );
    for (const report of reports) expect(falls(report)).toBeLessThan(0.9);
    expectSameBits((await one.embed(texts)).data, (await other.embed(texts)).data, 'both');
  });

  it.each([
    ['vectors', {}],
    ['vectors by squared error', { embeddings: { loss: 'mse' } }],
    [
      'hidden states',
      {
        hiddenStates: [
          { student: 1, teacher: 1 },
          { student: 2, teacher: 3 },
        ],
      },
    ],
    ['relations', { relations: true, embeddings: true }],
    [
      'all of them',
      {
        relations: { kinds: ['qk', 'vv'], mean: 'token' },
        hiddenStates: [{ student: 2, teacher: 3, weight: 0.5 }],
        embeddings: true,
      },
    ],
  ] as const)('brings a student of fewer layers closer to the teacher by %s', async (_, terms) => {
    await using teacher = await load(TINY);
    await using student = await shorter(teacher);
    const before = await meanCosine(student, teacher);
    const report = await student.train(texts, { ...FAST, distillation: { teacher, ...terms } });
    expect(falls(report)).toBeLessThan(0.8);
    const after = await meanCosine(student, teacher);
    expect(1 - after).toBeLessThan(0.8 * (1 - before));
    const { training, layers, hidden } = await student.info();
    expect({ layers, hidden }).toEqual({ layers: 2, hidden: 20 });
    expect(training).toMatchObject({ settings: { distillation: { teacher: 'a model' } } });
  });

  it.each([
    ['vectors', { embeddings: true }],
    ['hidden states', { hiddenStates: [{ student: 1, teacher: 2 }] }],
    ['relations', { relations: { relationHeads: 2, student: 0, teacher: 2 } }],
  ] as const)(
    'teaches a student of another width by %s, and saves no projection',
    async (_, terms) => {
      await using teacher = await load(TINY);
      await using student = await load(NARROW);
      const { dimensions } = student;
      const report = await student.train(texts, { ...FAST, distillation: { teacher, ...terms } });
      expect(falls(report)).toBeLessThan(0.9);
      expect(student.dimensions).toBe(dimensions);
      const folder = join(await temporaryFolder(), 'model');
      await student.save(folder);
      const header = readFileSync(join(folder, 'model.safetensors')).toString('latin1');
      expect(header).not.toContain('distillation');
      await using again = await load(folder);
      expectSameBits((await again.embed(texts)).data, (await student.embed(texts)).data, 'vectors');
    },
  );

  it('takes vectors that rows have, with the bits that the teacher itself gives', async () => {
    await using teacher = await load(TINY);
    const vectors = await teacher.embed(texts);
    const stored = texts.map((text, i) => ({ text, embedding: vectors.row(i) }));
    const run = async (given: readonly (string | object)[], from: Encoder | 'embedding') => {
      await using student = await load(NARROW);
      const held = rows.map(({ text, label }) => ({ text, label }));
      const report = await student.train(given as string[], {
        ...FAST,
        ...{ epochs: 2, eval: held, distillation: { teacher: from } },
      });
      expect(report.epochs[1]?.eval).toMatchObject({ kind: 'nearest-class' });
      return (await student.embed(texts)).data;
    };
    const own = await run(texts, teacher);
    expectSameBits(await run(stored, 'embedding'), own, 'vectors');
    expectSameBits(await run(texts, teacher), own, 'vectors');
  });

  it('takes an int8 teacher, and leaves the student as it was when it is aborted', async () => {
    await using teacher = await load(TINY);
    await using int8 = await teacher.quantize();
    await using student = await shorter(teacher);
    const before = (await student.embed(texts)).data;
    const abort = new AbortController();
    const train = (signal?: AbortSignal) =>
      student.train(texts, {
        ...{ ...FAST, distillation: { teacher: int8, relations: true } },
        ...(signal && { signal, onStep: ({ step }) => void (step === 3 && abort.abort()) }),
      });
    await expect(train(abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expectSameBits((await student.embed(texts)).data, before, 'vectors');
    expect(falls(await train())).toBeLessThan(1);
  });

  it('goes on from a checkpoint with the same bits, and only with the same terms', async () => {
    await using teacher = await load(TINY);
    const saveTo = join(await temporaryFolder(), 'checkpoints');
    const run = async (
      options: object,
      terms: object = { hiddenStates: [{ student: 1, teacher: 3 }] },
    ) => {
      await using student = await load(NARROW);
      const distillation = { teacher, ...terms };
      await student.train(texts, { ...FAST, epochs: 2, distillation, ...options });
      return (await student.embed(texts)).data;
    };
    const whole = await run({});
    const onStep = ({ step }: { step: number }) => {
      if (step === 9) throw new Error('stop');
    };
    await expect(run({ saveTo, saveEvery: 4, onStep })).rejects.toThrow('stop');
    await expect(
      run({ saveTo, saveEvery: 4, resume: true }, { embeddings: true }),
    ).rejects.toMatchObject({
      code: 'INVALID_DATA',
    });
    expectSameBits(await run({ saveTo, saveEvery: 4, resume: true }), whole, 'vectors');
  });

  it('refuses what cannot be learned, and says where', async () => {
    await using teacher = await load(TINY);
    await using student = await load(NARROW);
    const refused = (distillation: object, message: RegExp, options: object = {}) =>
      expect(
        student.train(texts, { ...FAST, ...options, distillation: distillation as never }),
      ).rejects.toThrow(message);
    const at = 'train: distillation: ';
    await refused({ teacher: 'large' }, /^train: distillation: teacher must be an encoder or/);
    await refused({ teacher, hidden: 1 }, /^train: distillation: unknown option "hidden"/);
    await refused({ teacher, relations: { kinds: ['kq'] } }, /relations: kinds must be a list of/);
    await refused({ teacher, hiddenStates: [{ student: 1 }] }, /hiddenStates\[0\] must be numbers/);
    await refused(
      { teacher, hiddenStates: [{ student: 9, teacher: 1 }] },
      new RegExp(`^${at}hiddenStates\\[0\\].student must be a hidden state from 0 to \\d, got 9`),
    );
    await refused({ teacher, relations: { teacher: 5 } }, /teacher must be a layer from 0 to 2/);
    await refused({ teacher, relations: { relationHeads: 5 } }, /must be a divisor of both widths/);
    await refused({ teacher: 'embedding' }, /^train: rows\[0\].embedding must be a vector of/);
    await refused({ teacher: 'embedding', relations: true }, /teacher must be a model, whose/);
    await refused({ teacher }, /^train: loss must be left out where distillation/, {
      loss: 'cosent',
    });
    await refused({ teacher }, /^train: method must be 'full' where distillation/, {
      method: 'lora',
    });
    await using other = await load(encoderFolder('mpnet') ?? '');
    await refused(
      { teacher: other, relations: true },
      /^train: distillation: the teacher splits rows\[0\] into other tokens/,
    );
    // Vectors of texts may come from any tokenizer.
    await student.train(texts, { ...FAST, epochs: 1, distillation: { teacher: other } });
  });
});

describe('classifier.train with distillation', () => {
  async function taught() {
    const teacher = await Classifier.load(TINY, {
      labels: ['high', 'low'],
      newHead: true,
      seed: 3,
    });
    await teacher.train(rows, { epochs: 8, learningRate: 3e-3, batchSize: 8 });
    return teacher;
  }
  const fresh = () => Classifier.load(NARROW, { labels, newHead: true, seed: 3 });

  it('adds hidden states and relations to labels and logits', async () => {
    await using teacher = await taught();
    const run = async (distillation: object) => {
      await using student = await fresh();
      const { steps } = await student.train(rows, {
        ...{ ...FAST, epochs: 2, eval: rows },
        distillation: { teacher, ...distillation },
      });
      return { loss: steps[0]?.loss ?? 0, logits: (await student.logits(texts)).data };
    };
    const logits = await run({});
    const hiddenStates = [{ student: 1, teacher: 3 }];
    const all = await run({ hiddenStates, relations: { relationHeads: 2 } });
    expect(all.loss).toBeGreaterThan(logits.loss);
    expect(all.logits).not.toEqual(logits.logits);
    // The same as with the options beside it.
    await using student = await fresh();
    await student.train(rows, { ...FAST, epochs: 2, eval: rows, teacher });
    expectSameBits((await student.logits(texts)).data, logits.logits, 'logits');
  });

  it('learns from an encoder without logits, and for several labels', async () => {
    await using teacher = await load(TINY);
    await using student = await Classifier.load(NARROW, {
      ...{ labels, newHead: true, problem: 'multi_label_classification' },
    });
    const many = rows.map(({ text, label }) => ({ text, labels: [label] }));
    const report = await student.train(many, {
      ...FAST,
      distillation: { teacher, hiddenStates: [{ student: 1, teacher: 3 }] },
    });
    expect(falls(report)).toBeLessThan(0.9);
  });

  it('refuses options that would be ignored', async () => {
    await using teacher = await taught();
    await using student = await fresh();
    const refused = (options: object, message: RegExp) =>
      expect(student.train(rows, { ...FAST, ...options })).rejects.toThrow(message);
    await refused({ teacher, distillation: { teacher } }, /^train: teacher must be left out where/);
    await refused({ distillation: { teacher, alpha: 0 } }, /alpha must be above 0 without other/);
    await refused(
      { distillation: { teacher, alpha: 0, temperature: 2, relations: { relationHeads: 2 } } },
      /temperature must be left out with alpha 0/,
    );
    await refused({ distillation: { teacher, embeddings: true } }, /unknown option "embeddings"/);
    await refused({ method: 'head', distillation: { teacher } }, /^train: method must be 'full'/);
  });
});
