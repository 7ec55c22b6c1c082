// The flags of `sinter train` that choose the loss: they reach the training, and wrong ones are refused before it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const ROWS = `text,label\n${Array.from({ length: 24 }, (_, i) => `the ${i % 3 ? 'people' : 'states'} ${i},${i % 3 ? 'a' : 'b'}\n`).join('')}`;

async function train(name: string, flags: readonly string[]) {
  const file = await scratch.file('rows.csv', ROWS);
  const out = scratch.path(name);
  const base = ['train', '--train', file, '--model', TINY, '--out', out, '--epochs', '1'];
  const { code, stderr } = await sinter([...base, '--quiet', ...flags]);
  const record = async () => JSON.parse(await readFile(join(out, 'training.json'), 'utf8'));
  return { code, stderr, out, record };
}

describe('sinter train', () => {
  it('trains with weights, smoothing and balanced sampling, and records them', async () => {
    const { code, stderr, record } = await train('weighted', [
      ...['--class-weights', '{"b": 2}', '--label-smoothing', '0.1', '--sampling', 'balanced'],
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { settings } = await record();
    expect(settings).toMatchObject({
      ...{ classWeights: { b: 2 }, labelSmoothing: 0.1, sampling: 'balanced' },
    });
  });

  it('distils from a teacher', async () => {
    const teacher = await train('teacher', []);
    const student = await train('student', [
      ...['--teacher', teacher.out, '--alpha', '0.7', '--temperature', '4'],
    ]);
    expect(student.stderr).toBe('');
    const { settings, steps } = await student.record();
    expect(settings).toMatchObject({ alpha: 0.7, temperature: 4 });
    expect(steps[0].loss).not.toBe((await teacher.record()).steps[0].loss);
  });

  it('distils hidden states and relations of a teacher', async () => {
    const teacher = await train('inner-teacher', []);
    const terms = ['--hidden-states', '1:1,2:2', '--relations', 'qk,vv', '--relation-heads', '2'];
    const student = await train('inner-student', [
      ...['--teacher', teacher.out, '--alpha', '0.7', ...terms],
    ]);
    expect(student.stderr).toBe('');
    const { settings } = await student.record();
    expect(settings).toMatchObject({
      alpha: 0.7,
      distillation: {
        hiddenStates: [
          { student: 1, teacher: 1 },
          { student: 2, teacher: 2 },
        ],
        relations: { kinds: ['qk', 'vv'], relationHeads: 2 },
      },
    });
    const { stderr } = await train('inner-wrong', [
      ...['--teacher', teacher.out, '--hidden-states', '1:9'],
    ]);
    expect(stderr).toContain('--hidden-states[0].teacher must be a hidden state from 0 to');
  });

  it('distils the inside of a teacher of any kind into a regression', async () => {
    const rows = ROWS.replace(/,a\n/g, ',1\n').replace(/,b\n/g, ',0\n');
    const file = await scratch.file('numbers.csv', rows);
    const teacher = await train('any-teacher', []);
    const out = scratch.path('taught-regression');
    const { code, stderr } = await sinter([
      ...['train', '--task', 'regression', '--train', file, '--model', TINY, '--out', out],
      ...['--epochs', '1', '--teacher', teacher.out, '--relations', 'qk,vv'],
    ]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('epoch 1/1')]);
    const { settings } = JSON.parse(await readFile(join(out, 'training.json'), 'utf8'));
    expect(settings.distillation).toMatchObject({ relations: { kinds: ['qk', 'vv'] } });
  });

  it.each([
    [['--hidden-states', '1:2'], '--hidden-states needs --teacher'],
    [['--hidden-states', '1-2', '--teacher', 'x'], 'It must be pairs of numbers such as 1:2,3:6'],
    [['--relations', 'ab', '--teacher', 'x'], 'It must be some of qq,kk,vv,qk'],
    [['--loss', 'huber'], 'loss must be one of "cross_entropy", "focal", got "huber"'],
    [['--class-weights', 'even'], 'It must be balanced, or JSON such as {"label": 2}'],
    [['--class-weights', '{"c": 2}'], 'must be weights of a, b, got "c"'],
    [['--focal-gamma', '1'], '--focal-gamma must be left out'],
    [['--alpha', '0.5'], 'alpha must be left out without a teacher'],
    [['--label-smoothing', '1'], 'It must be a share from 0, below 1'],
    [
      ['--task', 'tags', '--smooth-l1-beta', '1'],
      '--smooth-l1-beta is for classifiers and regressions, not for tags',
    ],
    [['--task', 'tags', '--relations', 'vv'], '--relations needs --teacher'],
    [
      ['--task', 'multi-label', '--teacher', 'x'],
      '--teacher needs --hidden-states or --relations with --task multi-label',
    ],
    [['--task', 'masked-lm', '--teacher', 'x'], '--teacher is not for masked-lm'],
    [['--task', 'answers', '--teacher', 'x', '--loss', 'focal'], '--loss is for classifiers and'],
    [['--task', 'tags', '--embeddings', 'mse', '--teacher', 'x'], '--embeddings is for --task'],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await train('refused', flags);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('sinter train --task pairs', () => {
  const list = { query: 'the people', docs: ['our people', 'the war'], labels: [1, 0] };
  const LISTS = Array.from({ length: 12 }, (_, i) =>
    JSON.stringify({ ...list, query: `the people ${i}` }),
  ).join('\n');

  async function trainPairs(flags: readonly string[], rows = LISTS) {
    const file = await scratch.file('lists.jsonl', rows);
    const out = scratch.path('reranker');
    const base = ['train', '--task', 'pairs', '--train', file, '--model', TINY, '--out', out];
    const done = await sinter([...base, '--overwrite', '--epochs', '1', ...flags]);
    return { ...done, file, out };
  }

  it('trains on ranked lists, records the loss, and scores them', async () => {
    const flags = ['--loss', 'lambda', '--weighting-scheme', 'lambda_rank', '--k', '2'];
    const { code, stdout, file, out } = await trainPairs([...flags, '--hold-out', '0.25']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/mrr [\d.]+, ndcg [\d.]+, map [\d.]+/);
    const { settings } = JSON.parse(await readFile(join(out, 'training.json'), 'utf8'));
    const wanted = { loss: 'lambda', weightingScheme: 'lambda_rank', k: 2, sigma: 1 };
    expect(settings).toMatchObject({ ...wanted, metricForBestModel: 'ndcg' });
    const scored = await sinter(['evaluate', '--model', out, '--data', file, '--json']);
    expect(JSON.parse(scored.stdout)).toMatchObject({ task: 'pairs', queries: 12, documents: 24 });
  });

  it.each([
    [['--loss', 'focal'], '--loss focal is for classifiers and regressions, not for pairs'],
    [['--loss', 'cosent'], '--loss cosent is for --task embedding, not for pairs'],
    [['--loss', 'mse'], 'lists.jsonl:1: the row must be a row of two texts and score or label'],
    [['--pos-weight', '2'], '--pos-weight must be left out: the loss lambda has none'],
    [['--margin', '2'], '--margin is for --task embedding'],
    [['--num-negatives', '0'], 'It must be a whole number from 1, or all'],
    [['--task', 'embedding', '--mu', '1'], '--mu is for --task pairs'],
    [['--task', 'tags', '--doc-stride', '8'], '--doc-stride is for --task answers'],
    [['--task', 'tags', '--whole-word-mask'], '--whole-word-mask is for --task masked-lm'],
    [['--task', 'tags', '--loss', 'lambda'], '--loss lambda is for --task pairs, not for tags'],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await trainPairs(flags);
    expect(stderr).toContain(message);
    expect(code).not.toBe(0);
  });
});

describe('calibration', () => {
  const noisy = `text,label\n${Array.from({ length: 40 }, (_, i) => `the ${i % 2 ? 'people' : 'states'} ${i},${(i % 9 === 0 ? i + 1 : i) % 2 ? 'a' : 'b'}\n`).join('')}`;

  it('is fitted by train, shown by inspect, and its scores by evaluate and predict', async () => {
    const held = await scratch.file('noisy.csv', noisy);
    const more = ['--eval', held, '--epochs', '6', '--learning-rate', '5e-3', '--batch-size', '8'];
    const file = await scratch.file('noisy.csv', noisy);
    const out = scratch.path('calibrated');
    const base = ['train', '--train', file, '--model', TINY, '--out', out];
    const trained = await sinter([...base, ...more, '--calibrate']);
    expect(trained.code).toBe(0);
    expect(trained.stdout).toMatch(/temperature [\d.]+: calibration error [\d.]+ % -> [\d.]+ %/);
    const { stdout } = await sinter(['inspect', out, '--json', '--no-graph']);
    const { temperature } = JSON.parse(stdout);
    expect(temperature).not.toBe(1);
    const shown = await sinter(['inspect', out, '--no-graph']);
    expect(shown.stdout).toContain(`${temperature.toPrecision(4)}, in the weights`);
    const scored = await sinter(['evaluate', '--model', out, '--data', file, '--min-score', '0.5']);
    expect(scored.stdout).toContain('calibration error');
    expect(scored.stdout).toMatch(/min score +coverage +accuracy/);
    const args = ['predict', '--model', out, 'the people', '--min-score', '1'];
    const { stdout: line } = await sinter(args);
    expect(JSON.parse(line).label).toBeNull();
    const { stdout: table } = await sinter([...args, '--format', 'csv']);
    expect(table.split('\n')[1]).toMatch(/^the people,,0\./);
  });

  it('is refused without held-out rows, and for what has no probabilities', async () => {
    const refused = await train('no-rows', ['--calibrate']);
    expect(refused.stderr).toContain('--calibrate needs rows that were not trained on');
    expect(refused.code).toBe(2);
    const numbers = await train('numbers', [
      ...['--task', 'regression', '--hold-out', '0.2', '--calibrate'],
    ]);
    expect(numbers.stderr).toContain('--calibrate is for classifiers, not for regression');
  });
});
