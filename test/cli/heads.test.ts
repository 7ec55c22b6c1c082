// The command line for other heads: every task is trained, evaluated, inspected and made smaller by the same commands.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const some = <T>(make: (i: number) => T) => Array.from({ length: 48 }, (_, i) => make(i));
const word = (i: number) => (i % 2 === 0 ? 'people' : 'states');

/** Easy rules: one word decides. */
const FILES = {
  'multi-label': [
    'labels.jsonl',
    lines(some((i) => ({ text: `the ${word(i)} of war`, labels: i % 2 ? ['b'] : ['a', 'c'] }))),
  ],
  regression: ['values.csv', `text,label\n${some((i) => `the ${word(i)},${i % 2}\n`).join('')}`],
  tags: [
    'tags.jsonl',
    lines(some((i) => ({ words: ['the', word(i)], tags: ['O', i % 2 ? 'B-X' : 'B-Y'] }))),
  ],
  answers: [
    'answers.jsonl',
    lines(
      some((i) => {
        const context = `we shall ${word(i)} and war`;
        return { question: 'who ?', context, answers: [{ text: word(i), start: 9 }] };
      }),
    ),
  ],
  pairs: [
    'pairs.csv',
    `text,other,label\n${some((i) => `the ${word(i)},war,${i % 2}\n`).join('')}`,
  ],
  'masked-lm': ['texts.csv', `text\n${some((i) => `the ${word(i)} of the war\n`).join('')}`],
} as const;

/** The task that `inspect` prints for each folder. */
const TASKS: Readonly<Record<string, string>> = {
  'multi-label': 'classification',
  regression: 'classification',
  tags: 'token-classification',
  answers: 'question-answering',
  pairs: 'classification',
  'masked-lm': 'masked-lm',
};

describe.each(Object.entries(FILES))('%s', (task, [name, content]) => {
  it('is trained, evaluated, inspected and quantized', async () => {
    const file = await scratch.file(name, content);
    const out = scratch.path(task);
    const pair = task === 'pairs' ? ['--pair-column', 'other'] : [];
    const trained = await sinter([
      ...['train', '--task', task, '--train', file, '--eval', file, '--model', TINY, '--out', out],
      ...['--epochs', '6', '--learning-rate', '5e-3', '--batch-size', '8', '--seed', '3', ...pair],
    ]);
    expect(trained.stderr).toContain('epoch 6/6');
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain(`training ${task} on 48 rows`);
    const scored = await sinter(['evaluate', '--model', out, '--data', file, '--json', ...pair]);
    const scores = jsonOf<{ rows: number; loss: number }>(scored);
    expect(scores.rows).toBe(48);
    expect(scores.loss).toBeLessThan(task === 'masked-lm' ? 4 : 0.35);
    const inspected = jsonOf<{ task: string }>(await sinter(['inspect', out, '--json']));
    expect(inspected.task).toBe(TASKS[task]);
    const small = scratch.path(`${task}-int8`);
    expect(await sinter(['quantize', '--model', out, '--out', small])).toMatchObject({ code: 0 });
    const again = jsonOf<{ rows: number }>(
      await sinter(['evaluate', '--model', small, '--data', file, '--json', ...pair]),
    );
    expect(again.rows).toBe(48);
  });
});

it('says what it cannot do', async () => {
  const file = await scratch.file('bad.jsonl', '{"words": ["a"], "tags": []}\n');
  const out = scratch.path('never');
  const refused = await sinter([
    ...['train', '--task', 'tags', '--train', file, '--model', TINY, '--out', out],
  ]);
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain(
    'bad.jsonl:1: column "tags" must have a tag for each word: 1 words, 0 tags',
  );
  const numbers = await scratch.file('words.csv', 'text,label\na,b\n');
  const wrong = await sinter([
    ...['train', '--task', 'regression', '--train', numbers, '--model', TINY, '--out', out],
  ]);
  expect(wrong.stderr).toContain('words.csv:2: the label is not a number');
});

describe('tags with a teacher', () => {
  it('learn its logits and hidden states', async () => {
    const [name, content] = FILES.tags;
    const file = await scratch.file(name, content);
    const run = async (out: string, flags: readonly string[]) => {
      const folder = scratch.path(out);
      const { code, stderr } = await sinter([
        ...['train', '--task', 'tags', '--train', file, '--model', TINY, '--out', folder],
        ...['--epochs', '1', ...flags],
      ]);
      return { folder, code, stderr };
    };
    const teacher = await run('tag-teacher', []);
    expect(teacher.code).toBe(0);
    const terms = ['--alpha', '0.7', '--hidden-states', '1:1'];
    const student = await run('tag-student', ['--teacher', teacher.folder, ...terms]);
    expect(student.stderr).not.toContain('error');
    expect(student.code).toBe(0);
    const record = JSON.parse(await readFile(`${student.folder}/training.json`, 'utf8'));
    expect(record.settings.distillation).toMatchObject({
      hiddenStates: [{ student: 1, teacher: 1 }],
      logits: { alpha: 0.7, temperature: 2 },
    });
  });
});

it('answers with a teacher learn its logits', async () => {
  const [name, content] = FILES.answers;
  const file = await scratch.file(name, content);
  const run = async (out: string, flags: readonly string[]) => {
    const folder = scratch.path(out);
    const { code, stderr } = await sinter([
      ...['train', '--task', 'answers', '--train', file, '--model', TINY, '--out', folder],
      ...['--epochs', '1', ...flags],
    ]);
    return { folder, code, stderr };
  };
  const teacher = await run('answer-teacher', []);
  expect(teacher.code).toBe(0);
  const terms = ['--alpha', '0.7', '--temperature', '3', '--relations', 'qq'];
  const student = await run('answer-student', ['--teacher', teacher.folder, ...terms]);
  expect([student.code, student.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  const record = JSON.parse(await readFile(`${student.folder}/training.json`, 'utf8'));
  expect(record.settings.distillation).toMatchObject({
    relations: { kinds: ['qq'] },
    logits: { alpha: 0.7, temperature: 3, over: 'tokens' },
  });
});
