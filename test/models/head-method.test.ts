/** Training of a head alone, over the vectors that the encoder gives once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { graphFromCheckpoint } from '../../lib/architectures/index.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import { splitAtFeatures } from '../../lib/graph/rewrite/features.js';
import { Classifier, CrossEncoder, TokenClassifier } from '../../lib/index.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const WORDS = 'the of and to in that is for our we'.split(' ');

/** Rows whose label is whether the text begins with one of the first five words. */
const rows = Array.from({ length: 96 }, (_, i) => {
  const first = (i * 7) % WORDS.length;
  const text = [0, 3, 5].map((step) => WORDS[(first + step * i) % WORDS.length]).join(' ');
  return { text, label: first < 5 ? 'low' : 'high' };
});
const texts = rows.map(({ text }) => text);

const fresh = () => Classifier.load(TINY, { labels: ['low', 'high'], newHead: true, seed: 3 });

describe("method: 'head'", () => {
  it('changes what the head computes, and no vector', async () => {
    await using model = await fresh();
    const before = await model.logits(texts);
    const report = await model.train(rows, {
      ...{ method: 'head', epochs: 40, batchSize: 16, learningRate: 1e-2, eval: rows },
    });
    expect(report.steps).toHaveLength(240);
    expect(report.steps.at(-1)?.loss).toBeLessThan((report.steps[0]?.loss ?? 0) / 2);
    const after = await model.logits(texts);
    expect(after.data).not.toEqual(before.data);
    // The scores of the training are those of the model.
    const { accuracy, loss } = await model.evaluate(rows);
    expect(report.epochs.at(-1)?.eval).toMatchObject({ accuracy, loss });
    expect(accuracy).toBeGreaterThan(0.9);

    // Everything but the head has the bytes that it had.
    const folder = await temporaryFolder();
    await model.save(join(folder, 'trained'));
    await using untouched = await fresh();
    await untouched.save(join(folder, 'untouched'));
    const [trained, old] = ['trained', 'untouched'].map((name) =>
      readFileSync(join(folder, name, 'model.safetensors')),
    );
    expect(changed(trained as Buffer, old as Buffer)).toEqual([
      ...['bert.pooler.dense.bias', 'bert.pooler.dense.weight'],
      ...['classifier.bias', 'classifier.weight'],
    ]);
    await using again = await Classifier.load(join(folder, 'trained'));
    expectSameBits((await again.logits(texts)).data, after.data, 'logits');
    const { training } = await again.info();
    expect(training).toMatchObject({ settings: { method: 'head' } });
  });

  it('gives the same bits again with the same seed, and others with another', async () => {
    const run = async (seed: number) => {
      await using model = await fresh();
      await model.train(rows, { method: 'head', epochs: 2, seed });
      return (await model.logits(texts)).data;
    };
    expectSameBits(await run(1), await run(1), 'logits');
    expect(await run(2)).not.toEqual(await run(1));
  });

  it('learns at 1e-3 unless another rate is given, and trains cross-encoders', async () => {
    const pairs = rows.map(({ text, label }) => ({
      ...{ text, pair: 'our', score: label === 'low' ? 1 : 0 },
    }));
    await using model = await CrossEncoder.load(TINY, { newHead: true });
    const { steps } = await model.train(pairs, { method: 'head', epochs: 1, warmup: 1 });
    expect(Math.max(...steps.map(({ learningRate }) => learningRate))).toBe(1e-3);
  });

  it('is refused where it cannot be had', async () => {
    await using model = await fresh();
    await expect(model.train(rows, { method: 'heads' as never })).rejects.toThrow(
      new RangeError(
        'train: method must be one of "full", "head", "lora", "ia3", "bottleneck", "few-shot", got "heads"',
      ),
    );
    await using small = await model.quantize();
    await expect(small.train(rows, { method: 'head' })).rejects.toThrow(/quantized/);
    await using tagger = await TokenClassifier.load(TINY, { labels: ['a', 'b'], newHead: true });
    await expect(
      tagger.train([{ words: ['the'], tags: ['a'] }], { method: 'head' }),
    ).rejects.toThrow(/method must be 'full', 'lora', 'ia3' or 'bottleneck' for this model/);
    await expect(
      model.train(rows, { method: 'head', signal: AbortSignal.abort() }),
    ).rejects.toThrow(expect.objectContaining({ code: 'CANCELLED' }));
  });
});

describe('a graph in two parts', () => {
  const families = ['bert', 'roberta-seqcls', 'modernbert', 'deberta-v2-seqcls', 'mpnet', 'albert'];

  it.each(families)('%s: the encoder has no weight of the head', async (name) => {
    const request = { task: 'classification', labels: ['a', 'b'], newHead: true } as const;
    const folder = await readHfFolder(encoderFolder(name) ?? '');
    await folder.close();
    const { graph } = graphFromCheckpoint(folder, request);
    const parts = splitAtFeatures(graph);
    const [own, head] = [parts?.encoder, parts?.head].map((part) =>
      (part?.weights ?? []).map((weight) => weight.name),
    ) as [string[], string[]];
    expect(head.length).toBeGreaterThan(0);
    expect(own.filter((weight) => head.includes(weight))).toEqual([]);
    expect([...own, ...head].sort()).toEqual(graph.weights.map((weight) => weight.name).sort());
  });
});

/** Names of the tensors of which the bytes differ. */
function changed(a: Buffer, b: Buffer): string[] {
  const tensors = (file: Buffer) => {
    const length = Number(file.readBigUInt64LE());
    const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
      string,
      { data_offsets?: [number, number] }
    >;
    return new Map(
      Object.entries(header).flatMap(([name, { data_offsets: range }]) =>
        range === undefined
          ? []
          : [[name, file.subarray(8 + length + range[0], 8 + length + range[1])] as const],
      ),
    );
  };
  const others = tensors(b);
  return [...tensors(a)]
    .filter(([name, bytes]) => Buffer.compare(bytes, others.get(name) ?? Buffer.alloc(0)) !== 0)
    .map(([name]) => name)
    .sort();
}
