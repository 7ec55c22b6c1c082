/** `sinter train --streaming`: the bits of the library, bad rows by their lines, and flags that need all rows. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { withPlaces } from '../../lib/cli/data-files.js';
import { readLabelListRows, readRows } from '../../lib/data/index.js';
import { Classifier } from '../../lib/models/classifier.js';
import { repeatedRows } from '../../lib/train/repeated-rows.js';
import { labelledCsv, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let file = '';
beforeAll(async () => {
  file = await scratch.file('rows.csv', labelledCsv(24));
});

const OPTIONS = {
  ...{ epochs: 2, batchSize: 8, learningRate: 5e-3, weightDecay: 0.01, warmup: 0.1, seed: 42 },
  ...{ streaming: true, shuffleBuffer: 10 },
} as const;
const FLAGS = '--epochs 2 --batch-size 8 --learning-rate 5e-3 --streaming --shuffle-buffer 10';

function train(out: string, rows: string, flags: string) {
  const fixed = ['--model', TINY, '--train', rows, '--out', scratch.path(out), '--new-head'];
  return sinter(['train', ...fixed, ...flags.split(' ')]);
}

const weightsOf = (out: string) => readFile(join(scratch.path(out), 'model.safetensors'));

describe('sinter train --streaming', () => {
  it('gives the bits of the library, and of a configuration file', async () => {
    const { code, stdout, stderr } = await train('streamed', file, FLAGS);
    expect([code, stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    expect(stdout).toContain('on 48 rows with 2 labels');
    // What is said of the file is said once.
    expect(stderr.split('reading text "text"')).toHaveLength(2);
    await using model = await Classifier.load(TINY, {
      ...{ labels: ['bad', 'good'], newHead: true, seed: 42 },
    });
    const rows = repeatedRows(() => readRows(file, { requireLabel: true }));
    await model.train(rows as never, OPTIONS);
    await model.save(scratch.path('library'));
    const wanted = await weightsOf('library');
    expect((await weightsOf('streamed')).equals(wanted)).toBe(true);

    const keys = 'streaming: true\nshuffleBuffer: 10\nepochs: 2\nbatchSize: 8\nlearningRate: 0.005';
    const config = await scratch.file('train.yaml', keys);
    expect((await train('configured', file, `--config ${config}`)).code).toBe(0);
    expect((await weightsOf('configured')).equals(wanted)).toBe(true);
    const other = await train('other', file, FLAGS.replace('buffer 10', 'buffer 40'));
    expect(other.code).toBe(0);
    expect((await weightsOf('other')).equals(wanted)).toBe(false);
  });

  it('does so for several labels, which come from all rows', async () => {
    const lines = Array.from({ length: 32 }, (_, i) => {
      const labels = i === 31 ? ['late'] : i % 2 === 0 ? ['a', 'c'] : ['b'];
      return JSON.stringify({ text: `the film ${i}`, labels });
    });
    const lists = await scratch.file('lists.jsonl', `${lines.join('\n')}\n`);
    const { code, stderr } = await train('lists', lists, `--task multi-label ${FLAGS}`);
    expect([code, stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    await using model = await Classifier.load(TINY, {
      ...{ labels: ['a', 'b', 'c', 'late'], newHead: true, seed: 42 },
      problem: 'multi_label_classification',
    });
    await model.train(repeatedRows(() => readLabelListRows(lists)) as never, OPTIONS);
    await model.save(scratch.path('lists-library'));
    expect((await weightsOf('lists')).equals(await weightsOf('lists-library'))).toBe(true);
  });

  it.each([
    ['regression', 'text,label\n', (i: number) => `the film ${i},${i % 3}`],
    ['pairs', 'query,passage,label\n', (i: number) => `the film,was ${i},${i % 2}`],
    ['masked-lm', 'text\n', (i: number) => `the film was ${i}`],
  ])('trains %s, and evaluates on --eval', async (task, head, line) => {
    const rows = Array.from({ length: 24 }, (_, i) => line(i)).join('\n');
    const path = await scratch.file(`${task}.csv`, `${head}${rows}\n`);
    const { code, stderr } = await train(task, path, `--task ${task} ${FLAGS} --eval ${path}`);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/epoch 2\/2.*held out/)]);
    const json = JSON.parse(await readFile(join(scratch.path(task), 'training.json'), 'utf8'));
    expect(json).toMatchObject({ rows: 24, settings: { shuffleBuffer: 10 } });
    expect(json.evaluations).toHaveLength(2);
  });

  it('reports bad rows before the first step, or leaves them out', async () => {
    const bad = await scratch.file('bad.csv', `${labelledCsv(8)}the film,\n,good\n`);
    const failed = await train('bad', bad, FLAGS);
    expect([failed.code, failed.stderr]).toEqual([
      3,
      expect.stringContaining('2 of 18 rows cannot be used'),
    ]);
    expect(failed.stderr).not.toContain('epoch');
    const skipped = await train('skipped', bad, `${FLAGS} --on-bad-rows skip`);
    expect([skipped.code, skipped.stdout]).toEqual([0, expect.stringContaining('on 16 rows')]);
    expect(skipped.stderr.split('are left out')).toHaveLength(2);
    const listed = await train('listed', bad, `${FLAGS} --on-bad-rows report`);
    expect([listed.code, listed.stdout]).toEqual([3, expect.stringContaining('2 of 18 rows')]);
    const one = await scratch.file('one.csv', labelledCsv(8, ['good']));
    const single = await train('single', one, FLAGS);
    expect(single.stderr).toContain('holds one class only, "good"');
    const held = await scratch.file('held.csv', labelledCsv(2, ['ugly']));
    const unknown = await train('unknown', file, `${FLAGS} --eval ${held}`);
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('"ugly"')]);
  });

  it('trains tags, which come from all rows', async () => {
    const lines = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ words: ['the', 'film'], tags: ['O', i === 19 ? 'B-late' : 'B-film'] }),
    );
    const path = await scratch.file('tags.jsonl', `${lines.join('\n')}\n`);
    const { code, stderr } = await train('tags', path, `--task tags ${FLAGS}`);
    expect([code, stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    const config = JSON.parse(await readFile(join(scratch.path('tags'), 'config.json'), 'utf8'));
    expect(Object.values(config.id2label)).toEqual(['B-film', 'B-late', 'O']);
  });

  it.each([
    [
      'embedding',
      (i: number) => ({ anchor: `the film ${i}`, positive: 'the', negative: `a ${i % 3}` }),
      '--pooling mean --loss triplet',
    ],
    [
      'answers',
      (i: number) => {
        const answers = [{ text: 'film', answer_start: 4 }];
        return { question: 'the', context: `the film ${i}`, answers };
      },
      '',
    ],
  ])('trains %s', async (task, row, more) => {
    const lines = Array.from({ length: 20 }, (_, i) => JSON.stringify(row(i)));
    const path = await scratch.file(`${task}.jsonl`, `${lines.join('\n')}\n`);
    const flags = `--task ${task} ${FLAGS} --eval ${path} ${more}`.trim().split(' ');
    const model = TINY.replace('bert-seqcls', 'bert');
    const fixed = ['--model', model, '--train', path, '--out', scratch.path(task)];
    const { code, stderr } = await sinter(['train', ...fixed, ...flags]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('epoch 2/2')]);
    const json = JSON.parse(await readFile(join(scratch.path(task), 'training.json'), 'utf8'));
    expect(json).toMatchObject({ rows: 20, settings: { shuffleBuffer: 10 }, diverged: null });
  });

  it('names the line of a row that the model cannot use, for which the rows are read again', async () => {
    const rows = repeatedRows(() => readRows(file));
    const fail = async () => {
      for await (const _ of rows);
      throw new RangeError('train: rows[41].text must be another one, got "x"');
    };
    await expect(withPlaces({ rows, eval: null }, fail)).rejects.toThrow(
      `${file}:43: text must be another one`,
    );
  });

  it.each([
    ['--streaming --hold-out 0.1', '--hold-out needs all rows at once, which --streaming never'],
    ['--streaming --task embedding --teacher other', 'teacher must be left out with streaming'],
    ['--streaming --label-issues 3 --report x.html', '--label-issues needs all rows at once'],
    ['--streaming --group-by-length', '--group-by-length must be false with streaming'],
    ['--streaming --method head', '--method must be another one with streaming'],
    ['--streaming --teacher other', 'teacher must be left out with streaming'],
    ['--shuffle-buffer 5', '--shuffle-buffer needs --streaming'],
    ['--streaming --shuffle-buffer 0', 'It must be a whole number from 1'],
  ])('refuses %s', async (flags, message) => {
    const { code, stderr } = await train('refused', file, flags);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
