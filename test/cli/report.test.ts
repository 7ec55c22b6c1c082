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

it('train shows the worst rows, the calibration and labels that look wrong', async () => {
  // Two of the labels are wrong, in rows that are otherwise as all others.
  const odd = labelledCsv(40).replace('bad number 0,bad', 'bad number 0,good');
  const rows = await scratch.file(
    'odd-rows.csv',
    odd.replace('good number 9,good', 'good number 9,bad'),
  );
  const { code, stderr } = await sinter([
    ...['train', '--train', rows, '--model', TINY, '--new-head', '--out', scratch.path('odd')],
    ...['--hold-out', '0.2', '--epochs', '4', '--learning-rate', '3e-3', '--batch-size', '8'],
    ...['--calibrate', '--label-issues', '3', '--report', scratch.path('odd.html')],
  ]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('looking for wrong labels: done')]);
  const shown = await page('odd.html');
  expect(shown).toContain('Gradient norm</h3>');
  expect(shown).toMatch(/\d+ of 64 rows \([\d.]+ %\) look as if they had another label/);
});

it('report lays trainings side by side', async () => {
  const rows = await scratch.file('side.csv', labelledCsv(16));
  const train = (out: string, ...flags: string[]) =>
    sinter([
      ...['train', '--train', rows, '--model', TINY, '--new-head', '--out', scratch.path(out)],
      ...['--hold-out', '0.25', '--epochs', '2', '--batch-size', '8', ...flags],
    ]);
  await train('a/model');
  await train('b/model', '--schedule', 'cosine');
  const paths = [scratch.path('a/model'), scratch.path('b/model', 'training.json')];
  const html = scratch.path('side.html');
  const run = await sinter(['report', ...paths, '--out', html]);
  expect([run.code, run.stderr]).toEqual([0, '']);
  expect(run.stdout).toContain('a/model: 6 steps\nb/model: 6 steps\n');
  const text = (await page('side.html')).replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  expect(text).toContain('schedule linear cosine');
  expect(text).not.toContain('weightDecay 0.01 0.01 schedule');
  const none = await sinter(['report', scratch.path(), '--out', html]);
  expect([none.code, none.stderr]).toEqual([
    2,
    expect.stringContaining('training.json: no such file'),
  ]);
  const twice = await sinter([
    'report',
    scratch.path('a/model'),
    scratch.path('a/model'),
    '--out',
    html,
  ]);
  expect(twice.stderr).toContain('the runs must be different folders');
});
