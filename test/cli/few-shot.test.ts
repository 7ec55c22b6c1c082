// `sinter train --method few-shot` and `--pooling` of a new head: the flags reach the training, and wrong ones are refused before it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const ROWS = `text,label\n${Array.from({ length: 12 }, (_, i) => `the ${i % 3 ? 'people' : 'states'} ${i},${i % 3 ? 'a' : 'b'}\n`).join('')}`;

async function train(name: string, flags: readonly string[]) {
  const file = await scratch.file('rows.csv', ROWS);
  const out = scratch.path(name);
  const run = await sinter(['train', '--train', file, '--model', TINY, '--out', out, ...flags]);
  const record = async () => JSON.parse(await readFile(join(out, 'training.json'), 'utf8'));
  return { ...run, out, record };
}

const FEW = ['--method', 'few-shot'];

describe('sinter train --method few-shot', () => {
  it('trains the encoder on pairs and a head over pooled tokens, and says both', async () => {
    const flags = ['--few-shot-num-iterations', '2', '--few-shot-batch-size', '8'];
    const { code, stderr, record } = await train('few', [
      ...[...FEW, ...flags, '--few-shot-body-learning-rate', '1e-4'],
      ...['--pooling', 'max', '--hold-out', '0.25', '--epochs', '6'],
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('training the encoder on pairs');
    expect(stderr).toContain('epoch 6/6');
    const { settings, embedding, epochs } = await record();
    expect(settings).toMatchObject({
      ...{ method: 'few-shot', epochs: 6, learningRate: 1e-2 },
      fewShot: { numIterations: 2, batchSize: 8, bodyLearningRate: 1e-4 },
    });
    expect(embedding.pairs).toBe(36);
    expect(embedding.steps).toHaveLength(5);
    expect(epochs.at(-1).eval.accuracy).toBeGreaterThan(0);
  });

  it('takes 40 epochs of the head unless told otherwise', async () => {
    const { code, record } = await train('long', [...FEW, '--pooling', 'mean', '--quiet']);
    expect(code).toBe(0);
    expect((await record()).epochs).toHaveLength(40);
  });

  it.each([
    [['--few-shot-num-iterations', '2'], '--few-shot-num-iterations is for --method few-shot'],
    [
      [
        ...FEW,
        '--few-shot-num-iterations',
        '2',
        '--few-shot-sampling-strategy',
        'unique',
        '--pooling',
        'mean',
      ],
      '--few-shot-sampling-strategy must be left out where',
    ],
    [
      [...FEW, '--freeze', 'embeddings', '--pooling', 'mean'],
      "--method must be 'full' where freeze is given",
    ],
    [FEW, 'give --pooling cls, max, mean,'],
    [['--task', 'tags', '--pooling', 'mean'], '--pooling is for --task embedding'],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await train('refused', [...flags, '--quiet']);
    expect(stderr).toContain(message);
    expect(code).not.toBe(0);
  });
});
