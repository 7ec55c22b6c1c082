/** `sinter evaluate --adapter`: the scores of the adapter beside the model, with its own labels. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { jsonOf, Scratch, sinter } from './support.js';

const scratch = new Scratch();
const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const BASE = at('encoders/bert-seqcls');
const ADAPTER = at('adapters/lora-query-value');
const TEXTS = Array.from({ length: 12 }, (_, i) => `the ${i % 3 ? 'people' : 'states'} of ${i}`);

describe('sinter evaluate --adapter', () => {
  it('scores a classifier by the labels of its adapter', async () => {
    await using model = await Classifier.load(BASE);
    await model.loadAdapter(ADAPTER, { name: 'one' });
    const predicted = await model.predict(TEXTS, { adapter: 'one' });
    const labels = predicted.map(({ label }) => label);
    const rows = TEXTS.map((text, i) => ({ text, label: labels[i] ?? '' }));
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const file = await scratch.file('rows.jsonl', lines);
    const wanted = await model.evaluate(rows as never, { adapter: 'one' });
    const run = await sinter([
      ...['evaluate', '--model', BASE, '--adapter', ADAPTER, '--data', file, '--json'],
    ]);
    expect(run.code).toBe(0);
    expect(jsonOf(run)).toMatchObject({ accuracy: wanted.accuracy, loss: wanted.loss });
    const bad = await scratch.file('bad.jsonl', '{"text": "the people", "label": "nowhere"}\n');
    const refused = await sinter([
      ...['evaluate', '--model', BASE, '--adapter', ADAPTER, '--data', bad],
    ]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('bad.jsonl:1')]);
    const missing = await sinter([
      ...['evaluate', '--model', BASE, '--adapter', at('adapters'), '--data', file],
    ]);
    expect(missing.stderr).toContain('adapter_config.json');
  });

  it('scores an encoder with an adapter of its own training', async () => {
    const model = ['--model', at('encoders/bert'), '--pooling', 'mean'];
    const pairs = TEXTS.map((text, i) => `${text},${TEXTS[(i + 1) % 12]},${(i % 5) / 4}\n`).join(
      '',
    );
    const file = await scratch.file('scored.csv', `sentence1,sentence2,score\n${pairs}`);
    const out = scratch.path('tuned');
    const trained = await sinter([
      ...['train', '--task', 'embedding', '--train', file, '--out', out, ...model],
      ...['--method', 'lora', '--adapter', '--epochs', '2', '--learning-rate', '1e-2'],
    ]);
    expect(trained.code).toBe(0);
    await using encoder = await Encoder.load(at('encoders/bert'), { pooling: 'mean' });
    await encoder.loadAdapter(`${out}/adapter`, { name: 'own' });
    const rows = TEXTS.map((sentence1, i) => ({
      ...{ sentence1, sentence2: TEXTS[(i + 1) % 12] ?? '', score: (i % 5) / 4 },
    }));
    const wanted = await encoder.evaluate(rows, { adapter: 'own' });
    const command = ['evaluate', ...model, '--adapter', `${out}/adapter`, '--data', file, '--json'];
    const run = await sinter([...command, '--task', 'embedding']);
    expect(jsonOf(run)).toMatchObject({ ...wanted });
    expect(await encoder.evaluate(rows)).not.toEqual(wanted);
    const similar = await sinter([...command, '--score-column', 'score']);
    const { spearman } = wanted as { spearman: number };
    expect((jsonOf(similar) as { spearman: number }).spearman).toBeCloseTo(spearman, 6);
  });
});
