/** Training with bottleneck adapters and with IA3: what the model keeps, and what is saved alone. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Classifier } from '../../lib/index.js';
import { native } from '../../lib/native/native.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = encoderFolder('bert') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
const LABELS = ['low', 'high'];
const rows = Array.from({ length: 64 }, (_, i) => {
  const text = [0, 3, 5].map((step) => WORDS[(((i * 7) % 10) + step * i) % 10]).join(' ');
  return { text, label: (i * 7) % 10 < 5 ? 'low' : 'high' };
});
const texts = rows.map(({ text }) => text);
const fresh = (seed = 3) => Classifier.load(TINY, { labels: LABELS, newHead: true, seed });
const SHORT = { epochs: 6, batchSize: 16, learningRate: 1e-2 } as const;
const where = async (name: string) => join(await temporaryFolder(), name);

function largest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

describe("method: 'bottleneck'", () => {
  it.each(['pfeiffer', 'houlsby', 'ffn'] as const)(
    '%s learns and stays in the model',
    async (kind) => {
      await using model = await fresh();
      const before = (await model.logits(texts)).data;
      const adapter = { kind, reductionFactor: 4, activation: 'gelu' } as const;
      const report = await model.train(rows, {
        ...SHORT,
        epochs: 20,
        method: 'bottleneck',
        bottleneck: adapter,
        eval: rows,
      });
      expect(report.steps.at(-1)?.loss).toBeLessThan((report.steps[0]?.loss ?? 0) / 2);
      const { loss } = await model.evaluate(rows);
      expect(report.evaluations.at(-1)?.scores).toMatchObject({ loss });
      const logits = (await model.logits(texts)).data;

      const folder = await where('model');
      await model.save(folder);
      await using loaded = await Classifier.load(folder);
      expectSameBits((await loaded.logits(texts)).data, logits, 'a saved folder');
      await using small = await loaded.quantize();
      const range = Math.max(...logits.map(Math.abs));
      expect(largest((await small.logits(texts)).data, logits)).toBeLessThan(0.1 * range);

      // The adapter alone, over the base again.
      const alone = await where('adapter');
      await model.saveAdapter(alone);
      await using base = await fresh(8);
      const bytes = native().weightBytes();
      await base.loadAdapter(alone, { name: 'one' });
      expect(native().weightBytes() - bytes).toBeLessThan(60_000);
      expectSameBits((await base.logits(texts, { adapter: 'one' })).data, logits, 'beside a base');
      expect(largest((await base.logits(texts)).data, before)).toBeGreaterThan(0);
      await base.removeAdapter('one');
      await expect(base.mergeAdapter(alone)).rejects.toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining('cannot be merged; use loadAdapter'),
      });
    },
  );

  it('begins as the model without adapters', async () => {
    await using model = await fresh();
    const before = (await model.logits(texts)).data;
    await model.train(rows, { ...SHORT, maxSteps: 1, learningRate: 1e-30, method: 'bottleneck' });
    expectSameBits((await model.logits(texts)).data, before, 'logits');
    await expect(model.train(rows, { ...SHORT, method: 'bottleneck' })).rejects.toThrow(
      /has bottleneck adapters already/,
    );
  });

  it('is exported to ONNX, and loads again', async () => {
    await using model = await fresh();
    await model.train(rows, { ...SHORT, method: 'bottleneck', bottleneck: { size: 8 } });
    const file = join(await temporaryFolder(), 'model.onnx');
    await model.exportOnnx(file);
    await using loaded = await Classifier.load(file, { labels: LABELS });
    const [ours, theirs] = [await model.logits(texts), await loaded.logits(texts)];
    expect(largest(ours.data, theirs.data)).toBeLessThan(1e-5);
  });

  it.each([
    [{ bottleneck: { kind: 'other' } }, /bottleneck: kind must be/],
    [{ bottleneck: { size: 0 } }, /bottleneck: size must be/],
    [{ bottleneck: { activation: 'none' } }, /bottleneck: activation must be/],
    [{ bottleneck: { rank: 1 } }, /bottleneck: unknown option "rank"/],
    [
      { method: 'lora', bottleneck: {} },
      /method must be 'bottleneck' where bottleneck is given, got "lora"/,
    ],
    [{ method: 'full', ia3: {} }, /method must be 'ia3' where ia3 is given, got "full"/],
    [{ method: 'ia3', ia3: { targets: ['nothing'] } }, /ia3: targets must be matrices/],
    [{ method: 'ia3', ia3: { targets: [] } }, /ia3: targets must be an array of names/],
    [{ method: 'lora', lora: { useDora: true } }, /lora: unknown option "useDora"/],
  ])('refuses %j', async (options, message) => {
    await using model = await fresh();
    const all = { ...SHORT, method: 'bottleneck', ...options } as never;
    await expect(model.train(rows, all)).rejects.toThrow(message);
  });
});

describe("method: 'ia3'", () => {
  it('learns, is merged, and its adapter gives another copy of the base the same weights', async () => {
    await using model = await fresh();
    const report = await model.train(rows, { ...SHORT, method: 'ia3', epochs: 20, eval: rows });
    expect(report.steps.at(-1)?.loss).toBeLessThan((report.steps[0]?.loss ?? 0) / 1.5);
    const logits = (await model.logits(texts)).data;
    const folder = await where('adapter');
    await model.saveAdapter(folder);
    await using merged = await fresh(8);
    await merged.mergeAdapter(folder);
    expectSameBits((await merged.logits(texts)).data, logits, 'merged');
    await using base = await fresh(9);
    await base.loadAdapter(folder, { name: 'one' });
    expect(largest((await base.logits(texts, { adapter: 'one' })).data, logits)).toBeLessThan(1e-5);
    const { loss } = await base.evaluate(rows, { adapter: 'one' });
    expect(report.evaluations.at(-1)?.scores).toMatchObject({ loss });
    await using small = await base.quantize();
    await small.loadAdapter(folder, { name: 'one' });
    const own = (await small.logits(texts, { adapter: 'one' })).data;
    // The vectors make this model sensitive to int8, however they are applied.
    await using whole = await merged.quantize();
    const usual = largest((await whole.logits(texts)).data, logits);
    expect(largest(own, logits)).toBeLessThan(2 * usual);
  });
});
