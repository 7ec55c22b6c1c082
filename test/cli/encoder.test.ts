// The command line for encoders: train and evaluate with --task embedding, and shorter vectors.
import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Encoder } from '../../lib/index.js';
import { jsonOf, Scratch, sinter } from './support.js';

const scratch = new Scratch();
const BERT = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const model = ['--model', BERT, '--pooling', 'mean'];
const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const some = <T>(make: (i: number) => T) => Array.from({ length: 24 }, (_, i) => make(i));
const word = (i: number) => ['people', 'states', 'war'][i % 3] ?? '';

const TRIPLETS = lines(
  some((i) => ({
    id: i,
    anchor: `the ${word(i)} ${i}`,
    positive: `${word(i)} of the world ${i}`,
    negative: `${word(i + 1)} of the world`,
  })),
);
const SCORED = some((i) => `the ${word(i)},the ${word(i + (i % 2))},${5 - (i % 2) * 4}\n`).join('');

describe('sinter train --task embedding', () => {
  it('trains, says what it reached, and writes a folder that loads', async () => {
    const rows = await scratch.file('triplets.jsonl', TRIPLETS);
    const out = scratch.path('trained');
    const flags = [
      '--hold-out',
      '0.25',
      '--epochs',
      '4',
      '--learning-rate',
      '1e-3',
      '--batch-size',
      '8',
    ];
    const parts = ['--dimensions', '20,16', '--dimension-weights', '1,0.5'];
    const report = scratch.path('report.html');
    const more = ['--quantize', '--report', report];
    const run = await sinter([
      ...['train', '--task', 'embedding', '--train', rows, '--out', out],
      ...[...model, ...flags, ...parts, ...more],
    ]);
    expect(run.stderr).toContain('anchor');
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('training the encoder');
    expect(run.stdout).toMatch(/rows 6, accuracy/);
    expect(run.stdout).toContain(`written to ${out}`);
    await using encoder = await Encoder.load(out);
    expect(encoder.dimensions).toBe(20);
    const training = JSON.parse(await readFile(`${out}/training.json`, 'utf8'));
    expect(training).toMatchObject({ task: 'embedding', rows: 18 });
    expect((await stat(`${out}/int8/config.json`)).isFile()).toBe(true);
    expect(await readFile(report, 'utf8')).toContain('Training of');
  });

  it('learns classes of pairs', async () => {
    const pairs = some(
      (i) => `the ${word(i)},the ${word(i + (i % 2))},${i % 2 ? 'other' : 'same'}\n`,
    );
    const rows = await scratch.file('nli.csv', `sentence1,sentence2,label\n${pairs.join('')}`);
    const out = scratch.path('nli');
    const flags = ['--loss', 'softmax', '--concatenation-sent-multiplication', '--epochs', '1'];
    const run = await sinter([
      ...['train', '--task', 'embedding', '--train', rows, '--out', out],
      ...[...model, ...flags],
    ]);
    expect(run.code).toBe(0);
    const training = JSON.parse(await readFile(`${out}/training.json`, 'utf8'));
    expect(training.settings).toMatchObject({
      ...{ loss: 'softmax', concatenationSentMultiplication: true },
    });
  });

  it.each([
    [['--directions', 'query_to_doc,doc_to_query', '--partition-mode', 'per_direction'], 'anchor'],
    [['--similarity-fct', 'dot_score', '--scale', '1'], 'anchor'],
    [['--loss', 'distill_kl_div', '--temperature', '2'], 'score'],
  ])('trains with %j', async (flags, column) => {
    const more = column === 'score' ? { score: [2, 1] } : {};
    const rows = await scratch.file(
      'rows.jsonl',
      lines(
        TRIPLETS.trim()
          .split('\n')
          .map((line) => ({ ...JSON.parse(line), ...more })),
      ),
    );
    const out = scratch.path('directed');
    const base = ['train', '--task', 'embedding', '--train', rows, '--out', out, '--overwrite'];
    const run = await sinter([...base, ...model, '--epochs', '1', ...flags]);
    expect(run.code).toBe(0);
    const { settings } = JSON.parse(await readFile(`${out}/training.json`, 'utf8'));
    expect(JSON.stringify(settings)).toContain(flags.at(-1));
  });

  it('reads pairs with scores by the numbers of their columns', async () => {
    const rows = await scratch.file('pairs.csv', SCORED);
    const columns = [
      '--no-header',
      '--text-column',
      '1',
      '--pair-column',
      '2',
      '--label-column',
      '3',
    ];
    const out = scratch.path('scored');
    const flags = ['--task', 'embedding', '--epochs', '1', '--loss', 'angle', '--json'];
    const run = await sinter([
      ...['train', '--train', rows, '--eval', rows, '--out', out],
      ...[...model, ...columns, ...flags],
    ]);
    expect(run.code).toBe(0);
    const { epochs } = jsonOf<{ epochs: { eval: object }[] }>(run);
    expect(epochs[0]?.eval).toMatchObject({ kind: 'similarity', rows: 24 });
  });

  it.each([
    [
      'a score out of range',
      'pairs.csv',
      ['--loss', 'cosine_similarity'],
      3,
      'pairs.csv:2: the label must be',
    ],
    [
      'rows of another loss',
      'pairs.csv',
      ['--loss', 'triplet'],
      3,
      'pairs.csv:2: the row must be a row of anchor, positive and negative',
    ],
    ['an option of another loss', 'pairs.csv', ['--margin', '1'], 2, '--margin must be left out'],
    ['too many dimensions', 'pairs.csv', ['--dimensions', '64'], 2, '--dimensions must be'],
    ['no numbers', 'pairs.csv', ['--dimensions', '32,x'], 2, 'numbers with commas'],
    ['a new head', 'pairs.csv', ['--new-head'], 2, '--new-head is for heads'],
    ['no second text', 'single.csv', [], 3, 'one text and no label'],
    ['unknown columns', 'odd.csv', [], 3, 'which columns are the texts?'],
  ])('refuses %s', async (_, name, flags, code, message) => {
    const files: Readonly<Record<string, string>> = {
      'pairs.csv': `sentence1,sentence2,score\n${SCORED}`,
      'single.csv': 'text\nthe war\n',
      'odd.csv': 'a,b\nthe war,the people\n',
    };
    const rows = await scratch.file(name, files[name] ?? '');
    const command = [
      'train',
      '--task',
      'embedding',
      '--train',
      rows,
      '--out',
      scratch.path('none'),
    ];
    const run = await sinter([...command, ...model, ...flags]);
    expect(run.stderr).toContain(message);
    expect(run.code).toBe(code);
  });

  it('refuses its flags for another task', async () => {
    const rows = await scratch.file('labels.csv', 'text,label\na,x\nb,y\n');
    const command = ['train', '--train', rows, '--out', scratch.path('none')];
    const run = await sinter([...command, '--loss', 'cosent']);
    expect(run).toMatchObject({ code: 2 });
    expect(run.stderr).toContain('--loss cosent is for --task embedding, not for classification');
    const scale = await sinter([...command, '--scale', '10']);
    expect(scale.stderr).toContain('--scale is for --task embedding');
  });

  it.each([
    [['--loss', 'focal'], '--loss focal is for classifiers and regressions, not for embedding'],
    [['--embeddings', 'mse'], '--embeddings needs --teacher'],
    [['--teacher', 'a', '--alpha', '0.5'], '--alpha is for classifiers with one label per text'],
    [['--teacher', 'a', '--loss', 'cosent'], '--loss is left out with --teacher'],
    [['--teacher', 'a', '--scale', '10'], '--scale is left out with --teacher'],
    [['--teacher', 'a', '--hold-out', '0.1'], '--hold-out is left out with --teacher'],
    [['--calibrate', '--hold-out', '0.1'], '--calibrate is for classifiers, not for embedding'],
  ])('refuses %j, which are for classifiers', async (flags, message) => {
    const command = ['train', '--task', 'embedding', '--train', 'rows.csv', '--out', 'encoder'];
    const run = await sinter([...command, ...flags]);
    expect(run).toMatchObject({ code: 2 });
    expect(run.stderr).toContain(message);
  });
});

describe('sinter train --task embedding --teacher', () => {
  const texts = some((i) => `the ${word(i)} ${i}`);
  const FAST = ['--epochs', '2', '--learning-rate', '1e-3', '--batch-size', '8'];
  const train = async (out: string, rows: string, flags: readonly string[]) => {
    const folder = scratch.path(out);
    const fixed = ['train', '--task', 'embedding', '--train', rows, '--out', folder];
    const run = await sinter([...fixed, ...model, ...FAST, ...flags]);
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    return {
      folder,
      settings: JSON.parse(await readFile(`${folder}/training.json`, 'utf8')).settings,
    };
  };
  const weights = (folder: string) => readFile(`${folder}/model.safetensors`);

  it('learns the vectors of texts without labels, with the bits of the library', async () => {
    const triplets = await scratch.file('triplets.jsonl', TRIPLETS);
    const teacher = await train('teacher', triplets, ['--loss', 'triplet']);
    const rows = await scratch.file('texts.csv', `text\n${texts.join('\n')}\n`);
    const scored = await scratch.file('scored.csv', `sentence1,sentence2,score\n${SCORED}`);
    const flags = ['--teacher', teacher.folder, '--eval', scored];
    const student = await train('student', rows, [...flags, '--embeddings', 'mse']);
    expect(student.settings.distillation).toMatchObject({ embeddings: { loss: 'mse' } });

    await using taught = await Encoder.load(BERT, { pooling: 'mean' });
    await using own = await Encoder.load(teacher.folder);
    const before = await taught.embed(texts);
    await taught.train(texts, {
      ...{ epochs: 2, learningRate: 1e-3, batchSize: 8, weightDecay: 0.01, warmup: 0.1, seed: 42 },
      distillation: { teacher: own, embeddings: { loss: 'mse' } },
    });
    const library = scratch.path('taught');
    await taught.save(library);
    expect((await weights(student.folder)).equals(await weights(library))).toBe(true);
    const wanted = await own.embed(texts);
    const error = (found: { data: Float32Array }) =>
      found.data.reduce((sum, one, i) => sum + (one - (wanted.data[i] ?? 0)) ** 2, 0);
    expect(error(await taught.embed(texts))).toBeLessThan(error(before));

    // Two columns of texts are two rows each.
    const pairs = await scratch.file(
      'pairs.csv',
      `sentence1,sentence2\n${texts.map((one, i) => `${one},${texts[(i + 1) % 24]}\n`).join('')}`,
    );
    const inner = ['--teacher', teacher.folder, '--hidden-states', '1:1', '--relations', 'vv'];
    const both = await train('both', pairs, inner);
    expect(both.settings.distillation).toMatchObject({
      ...{ embeddings: null, hiddenStates: [{ student: 1, teacher: 1 }] },
    });
    const record = JSON.parse(await readFile(`${both.folder}/training.json`, 'utf8'));
    expect(record.rows).toBe(48);
  });
});

describe('sinter train --task embedding, on the way', () => {
  const train = async (out: string, ...flags: string[]) => {
    const rows = await scratch.file('triplets.jsonl', TRIPLETS);
    const fixed = ['train', '--task', 'embedding', '--train', rows, '--out', scratch.path(out)];
    const run = await sinter([...fixed, ...model, '--batch-size', '8', '--epochs', '2', ...flags]);
    expect([run.code, run.stderr]).toEqual([0, expect.any(String)]);
  };
  const weightsOf = (out: string) => readFile(scratch.path(out, 'model.safetensors'));

  it('saves checkpoints, and goes on from one to the same model', async () => {
    const saving = ['--save-to', scratch.path('saved'), '--save-every', '6'];
    await train('straight');
    await train('first', ...saving);
    expect(await readdir(scratch.path('saved'))).toEqual(['checkpoint-12.safetensors']);
    await train('resumed', ...saving, '--resume');
    const [straight, first, resumed] = await Promise.all(
      ['straight', 'first', 'resumed'].map(weightsOf),
    );
    expect(first).toEqual(straight);
    expect(resumed).toEqual(straight);
  });

  it('trains low-rank adapters, and writes them alone too', async () => {
    await train('adapted', '--method', 'lora', '--lora-r', '2', '--adapter');
    const adapter = scratch.path('adapted', 'adapter');
    const config = JSON.parse(await readFile(`${adapter}/adapter_config.json`, 'utf8'));
    expect(config).toMatchObject({ peft_type: 'LORA', r: 2, base_model_name_or_path: BERT });
    const { settings } = JSON.parse(await readFile(scratch.path('adapted/training.json'), 'utf8'));
    expect(settings).toMatchObject({ method: 'lora', learningRate: 1e-3 });
    await using trained = await Encoder.load(scratch.path('adapted'));
    await using base = await Encoder.load(BERT, { pooling: 'mean' });
    const [one, other] = [await trained.embed('the people'), await base.embed('the people')];
    expect(one).not.toEqual(other);
  });
});

describe('sinter evaluate --task embedding', () => {
  it('scores by the columns', async () => {
    const rows = await scratch.file('triplets.jsonl', TRIPLETS);
    const command = ['evaluate', '--task', 'embedding', '--data', rows, ...model];
    const run = await sinter([...command, '--json']);
    expect(jsonOf<object>(run)).toMatchObject({ task: 'embedding', kind: 'triplets', rows: 24 });
    expect((await sinter(command)).stdout).toMatch(/^triplets: rows 24, accuracy/);
    expect((await sinter([...command, '--windows', 'mean'])).code).toBe(2);
  });
});

describe('sinter embed --dimensions', () => {
  it('shortens vectors', async () => {
    const run = await sinter(['embed', 'the war', ...model, '--dimensions', '8', '--json']);
    expect(jsonOf<{ rows: { embedding: number[] }[] }>(run).rows[0]?.embedding).toHaveLength(8);
    const wide = await sinter(['embed', 'the war', ...model, '--dimensions', '21']);
    expect(wide).toMatchObject({ code: 2 });
    expect(wide.stderr).toContain('--dimensions must be a whole number from 1 to 20');
  });
});
