/**
 * No message of the command line speaks the library's language: its options are flags here, its rows are rows of a file.
 *
 * A battery of commands that fail in every way that a message of the library knows; a new way belongs here too.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { flagOf, inFlags } from '../../lib/cli/option-names.js';
import { optionTexts } from './library-messages.js';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const lines = (...rows: object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** `name: true`, `problem: 'x'`, rows[0], texts[3], Classifier.load: */
const API = /\b\w+: (?:true|false|'\w)|\b(?:rows|eval|texts)\[|\b[A-Z]\w+\.load\b/;

const FILES: Readonly<Record<string, string>> = {
  'labels.csv': 'text,label\nthe film,x\nthe war,y\n',
  'numbers.csv': 'text,label\nthe film,0.5\nthe war,1.5\n',
  'lists.jsonl': lines({ text: 'a', labels: ['LABEL_0'] }, { text: 'b', labels: 'LABEL_1' }),
  'tags.jsonl': lines({ words: ['a'], tags: ['O'] }, { words: ['a', 'b'], tags: ['O'] }),
  'answers.jsonl': lines(
    { question: 'who', context: 'the war', answers: [{ text: 'war', start: 4 }] },
    { question: 'who', context: 'the war', answers: [{ text: 'war', start: 1 }] },
  ),
  'masked.txt': 'no mask here\n',
  'pairs.csv': 'text,other,label\nthe film,war,0.5\nthe war,film,1.5\n',
};

const file = (name: string) => scratch.path(name);
const out = () => ['--out', file('new')];
const train = (task: string, name: string, ...more: string[]) => [
  ...['train', '--task', task, '--train', file(name), '--model', TINY, ...out(), ...more],
];

const BATTERY: Readonly<Record<string, () => readonly string[]>> = {
  'no pooling': () => ['embed', 'a', '--model', TINY],
  'quantize without pooling': () => ['quantize', '--model', at('encoders/bert'), ...out()],
  'a folder that is full': () => ['convert', '--model', TINY, '--out', file('full')],
  'a file that is there': () => ['convert', '--model', TINY, '--out', file('there.onnx')],
  'an id that is not here': () => ['embed', 'a', '--model', 'org/not-here'],
  'no model there': () => ['predict', 'a', '--model', file('nowhere')],
  'no head': () => ['evaluate', '--model', at('encoders/bert'), '--data', file('labels.csv')],
  'labels of another model': () => ['evaluate', '--model', TINY, '--data', file('labels.csv')],
  'a head whose weights are missing': () => ['predict', 'a', '--model', file('headless')],
  'another task': () => [
    'evaluate',
    '--model',
    TINY,
    '--task',
    'tags',
    '--data',
    file('tags.jsonl'),
  ],
  'a limit above the model': () => train('classification', 'labels.csv', '--max-tokens', '4096'),
  'a label list that is none': () => train('multi-label', 'lists.jsonl'),
  'a tag too few': () => train('tags', 'tags.jsonl'),
  'an answer in another place': () => train('answers', 'answers.jsonl'),
  'held out of them': () => train('answers', 'answers.jsonl', '--hold-out', '0.5'),
  'a score above 1': () => train('pairs', 'pairs.csv', '--pair-column', 'other'),
  'pairs without a pair': () => train('pairs', 'numbers.csv'),
  'no mask': () => ['predict', '-m', at('encoders/bert-mlm'), '--input', file('masked.txt')],
  'a numeric file of answers': () => [
    ...['evaluate', '--model', at('heads/bert-qa'), '--data', file('answers.jsonl')],
  ],
  'a new head on int8': () => [
    ...['train', '--train', file('labels.csv'), '--model', file('int8'), '--new-head', ...out()],
  ],
  'more training of int8': () => [
    ...['train', '--task', 'classification', '--train', file('own.csv'), '--model', file('int8')],
    ...out(),
  ],
  'too many threads': () => ['embed', 'a', '--threads', '100000'],
};

beforeAll(async () => {
  for (const [name, content] of Object.entries(FILES)) await scratch.file(name, content);
  await scratch.file('there.onnx', 'x');
  await scratch.file('own.csv', 'text,label\nthe film,LABEL_0\nthe war,LABEL_1\n');
  await mkdir(file('full'));
  await writeFile(file('full/notes.txt'), 'mine');
  // An encoder that calls itself a classifier.
  await cp(at('encoders/bert'), file('headless'), { recursive: true });
  const config = JSON.parse(await readFile(file('headless/config.json'), 'utf8')) as object;
  const named = { ...config, architectures: ['BertForSequenceClassification'] };
  await writeFile(file('headless/config.json'), JSON.stringify(named));
  const made = await sinter(['quantize', '--model', TINY, '--out', file('int8')]);
  expect(made.code).toBe(0);
});

describe('a failing command speaks of flags, files and rows', () => {
  it.each(Object.entries(BATTERY))('%s', async (_name, args) => {
    const env = { HF_HOME: scratch.path('hf'), HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '' };
    const { code, stderr } = await sinter(args(), { env });
    expect(code, stderr).not.toBe(0);
    expect(code, stderr).not.toBe(1);
    expect(stderr).not.toMatch(API);
    expect(stderr).not.toMatch(/ {2}|\( *\)|;\s*$/m);
  });

  it('a mistake in a row names its line in the file, a held-out share or not', async () => {
    for (const more of [[], ['--hold-out', '0.5']]) {
      const { stderr } = await sinter(train('answers', 'answers.jsonl', ...more));
      expect(stderr).toContain('answers.jsonl:2: ');
    }
  });
});

describe('every text of the library that names an option', () => {
  it('is known to the table', async () => {
    const found = await optionTexts();
    expect(found.length).toBeGreaterThan(8);
    const flags = new Set(['--new-head', '--widen', '--overwrite', '--pooling', '--task']);
    for (const { at: place, text } of found) expect(inFlags(text, flags), place).not.toMatch(API);
  });

  it('a flag is the option in words', () => {
    expect(flagOf('maxTokens')).toBe('--max-tokens');
    expect(inFlags('train: maxTokens must be at most 64, got 70', new Set(['--max-tokens']))).toBe(
      '--max-tokens must be at most 64, got 70',
    );
  });
});
