/**
 * `--report` of `train` and `evaluate`: a page with the curves, the scores of each label and the worst rows.
 */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { jsonOf, labelledCsv, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const page = (name: string) => readFile(scratch.path(name), 'utf8');

it('train shows loss and learning rate, evaluate the labels, their confusions and the worst rows', async () => {
  const rows = await scratch.file('rows.csv', labelledCsv(24));
  const held = await scratch.file('held.csv', labelledCsv(6));
  const out = scratch.path('model');
  const trained = await sinter([
    ...['train', '--train', rows, '--eval', held, '--model', TINY, '--new-head', '--out', out],
    ...['--epochs', '1', '--report', scratch.path('train.html')],
  ]);
  expect(trained.code).toBe(0);
  const training = await page('train.html');
  for (const part of ['Learning rate</h3>', 'id="training"', 'id="confusions"', 'id="labels"']) {
    expect(training).toContain(part);
  }
  expect(training).toMatch(/The learning rate is highest in step \d, [\d.e-]+, and 0/);
  const odd = await scratch.file(
    'odd.csv',
    'text,label\n<b>the film was good,bad\nthis is bad,good\n',
  );
  const scores = await sinter([
    ...['evaluate', '--model', out, '--data', odd, '--report', scratch.path('scores.html')],
    '--json',
  ]);
  const { accuracy } = jsonOf<{ accuracy: number }>(scores);
  const evaluated = await page('scores.html');
  expect(evaluated.includes('Most certain mistakes')).toBe(accuracy < 1);
  if (accuracy < 1) expect(evaluated).toMatch(/&lt;b&gt;the film was good|this is bad/);
  expect(evaluated).toContain('macro F1');
  expect(evaluated).not.toContain('<b>');
});

it('another head has a page too, and a place that cannot be written is told before the work', async () => {
  const rows = await scratch.file('values.csv', 'text,label\nthe film,1\na story,0\nthe war,1\n');
  const args = ['train', '--task', 'regression', '--train', rows, '--eval', rows, '--model', TINY];
  const trained = await sinter([
    ...[...args, '--epochs', '1', '--out', scratch.path('values')],
    ...['--report', scratch.path('values.html')],
  ]);
  expect(trained.code).toBe(0);
  expect(await page('values.html')).toContain('spearman');
  const refused = await sinter([...args, '--out', scratch.path('no'), '--report', rows]);
  expect(refused.code).toBe(2);
  expect(await readFile(rows, 'utf8')).toContain('the film,1');
});
