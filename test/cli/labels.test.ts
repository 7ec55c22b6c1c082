/**
 * What a user is told about labels that are nearly the same: in a file, between two files, and against a model's own.
 */
import { expect, it } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { TokenClassifier } from '../../lib/models/token-classifier.js';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const FAST = ['--model', TINY, '--epochs', '1', '--seed', '1'];

const rows = (labels: readonly string[]) =>
  labels.map((label, i) => `{"text":"the film was ${i}","label":${label}}`).join('\n');

it('train notes variants with counts and lines, and keeps them apart', async () => {
  const file = await scratch.file('v.jsonl', rows(['"True"', '"TRUE"', '"no"', '"True"', '"no "']));
  const out = scratch.path('variants');
  const result = await sinter(['train', '--train', file, '--out', out, '--json', ...FAST]);
  expect(result.code).toBe(0);
  expect(jsonOf<{ labels: string[] }>(result).labels).toEqual(['TRUE', 'True', 'no', 'no ']);
  expect(result.stderr).toContain(
    `${file}: labels that differ in spelling only count as different ones: ` +
      '"True" (2 times, lines 1, 4), "TRUE" (1 time, line 2)\n',
  );
  expect(result.stderr).toContain('"no" (1 time, line 3), "no " (1 time, line 5)\n');
  const data = await scratch.file('e.jsonl', rows(['"true"', '"no"']));
  const scored = await sinter(['evaluate', '--model', out, '--data', data]);
  expect(scored.code).toBe(3);
  expect(scored.stderr).toContain(`${data}:1: labels that the model does not have: "true"`);
  expect(scored.stderr).toContain('(line 1; it has "TRUE")');
});

it('train refuses one label as a number and as a text, and keeps large numbers apart', async () => {
  const out = scratch.path('numbers');
  const mixed = await scratch.file('m.jsonl', rows(['1', '"1"', '2']));
  const refused = await sinter(['train', '--train', mixed, '--out', out, ...FAST]);
  expect(refused).toMatchObject({ code: 3, stdout: '' });
  expect(refused.stderr).toContain(`${mixed}:2: column "label" gives the label "1" as a number`);
  const large = ['9007199254740992', '9007199254740993'];
  const file = await scratch.file('n.jsonl', rows([...large, ...large]));
  const result = await sinter(['train', '--train', file, '--out', out, '--json', ...FAST]);
  expect(jsonOf<{ labels: string[] }>(result).labels).toEqual(large);
});

it('lists of labels and tags are read by the same rules', async () => {
  const lines = ['[9007199254740993, "a"]', '["A", 2]'].map((l) => `{"text":"film","labels":${l}}`);
  const file = await scratch.file('l.jsonl', lines.join('\n'));
  const outOf = (name: string) => scratch.path(`lists-${name}`);
  const task = (name: string) => ['train', '--task', name, '--out', outOf(name), '--json', ...FAST];
  const result = await sinter([...task('multi-label'), '--train', file]);
  expect(result.stderr).toContain('"a" (1 time, line 1), "A" (1 time, line 2)');
  expect(result.code).toBe(0);
  const model = await Classifier.load(outOf('multi-label'), {
    problem: 'multi_label_classification',
  });
  expect(model.labels).toEqual(['2', '9007199254740993', 'A', 'a']);
  await model.dispose();
  const tags = await scratch.file('t.jsonl', '{"words":["a","b"],"tags":[1,"1"]}\n');
  const refused = await sinter([...task('tags'), '--train', tags]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain(`${tags}:1: column "tags[1]" gives the label "1" as a number`);
});

it('rows in memory name the label that they are another spelling of', async () => {
  const model = await Classifier.load(TINY, {
    labels: ['spam', 'ham', 'other', 'more'],
    newHead: true,
  });
  await expect(model.train([{ text: 'a', label: 'spam ' }])).rejects.toThrow(
    new TypeError(
      'train: rows[0].label must be one of "spam", "ham", "other", "more", got "spam ": ' +
        '"spam " is another spelling of "spam", which is one of them',
    ),
  );
  await model.dispose();
  const tagger = await TokenClassifier.load(TINY, { labels: ['O', 'B-PER'], newHead: true });
  const row = { words: ['a'], tags: ['B\u2011PER'] };
  await expect(tagger.train([row])).rejects.toThrow(
    String.raw`"B\u2011PER" is another spelling of "B-PER", which is one of them`,
  );
  await tagger.dispose();
});
