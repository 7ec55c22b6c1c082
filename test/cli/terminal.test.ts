/**
 * What others wrote never drives the terminal: labels, texts, names and values of options with control characters.
 *
 * The rule: whatever a command prints holds no control character but line feeds, and files keep the texts as they are.
 */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { printable, printableJson, printableLines } from '../../lib/core/visible.js';
import { readAllRows } from '../../lib/data/index.js';
import { type Outcome, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const CONTROL = /(?!\n)[\p{Cc}\u2028\u2029\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

/** Clears the screen, sets the title, goes back, ends the line, C1, right to left, rings. */
const EVIL = [
  'red\u001b[2J\u001b[31m',
  'title\u001b]0;owned\u0007',
  'back\b\b\r\ncleared',
  'c1\u009b31m\u0085',
  'bidi\u202egnp\u2066x\u2069',
];
const jsonl = EVIL.map((label, i) => JSON.stringify({ text: `the ${label} ${i}`, label }));

function expectHarmless({ stdout, stderr }: Outcome) {
  expect(stdout).not.toMatch(CONTROL);
  expect(stderr).not.toMatch(CONTROL);
}

it('training, evaluating and inspecting a model with such labels', async () => {
  const data = await scratch.file('evil.jsonl', [...jsonl, ...jsonl].join('\n'));
  const out = scratch.path('model');
  const predictions = scratch.path('predictions.csv');
  const trained = await sinter([
    ...['train', '--train', data, '--out', out, '--model', TINY, '--epochs', '1', '--quantize'],
  ]);
  expect(trained.code).toBe(0);
  expectHarmless(trained);
  const evaluate = ['evaluate', '--model', out, '--data', data, '--predictions', predictions];
  const scored = await sinter(evaluate);
  expect(scored.code).toBe(0);
  expectHarmless(scored);
  expect(scored.stdout).toContain('red\\u001b[2J\\u001b[31m ');
  expect(scored.stdout).toContain('back\\u0008\\u0008\\r\\ncleared ');
  const json = await sinter([...evaluate, '--json']);
  expectHarmless(json);
  const { confusion } = JSON.parse(json.stdout) as { confusion: { labels: string[] } };
  expect([...confusion.labels].sort()).toEqual([...EVIL].sort());
  for (const args of [
    ['inspect', out],
    ['inspect', out, '--json'],
    ['inspect', '--no-graph', out],
  ]) {
    const inspected = await sinter(args);
    expect(inspected.code).toBe(0);
    expectHarmless(inspected);
  }
  // Files hold the labels as they are; CSV reads a carriage return as a line feed.
  const rows = await readAllRows(predictions, { labelColumn: 'label' });
  const wanted = [...EVIL, ...EVIL].map((label) => label.replace('\r\n', '\n'));
  expect(rows.map(({ label }) => label)).toEqual(wanted);
  const unknown = await scratch.file('unknown.jsonl', '{"text":"a","label":"x\\u001b[31m\\u202e"}');
  const refused = await sinter(['evaluate', '--model', out, '--data', unknown]);
  expect(refused.code).toBe(3);
  expectHarmless(refused);
  expect(refused.stderr).toContain('"x\\u001b[31m\\u202e" (line 1)');
});

it('mistakes in the command line and names of files', async () => {
  const evil = 'x\u001b[31m\u009b1m\u202e\u0007';
  for (const args of [
    [`--${evil}`],
    [evil],
    ['embed', `--${evil}`],
    ['embed', 'a', '--max-tokens', evil],
    ['embed', 'a', '--format', evil],
    ['embed', 'a', '--model', evil],
    ['inspect', evil],
    ['evaluate', '--model', TINY, '--data', `${evil}.csv`],
    ['train', '--train', `${evil}.csv`, '--out', evil, '--task', evil],
    ['help', evil],
  ]) {
    // With SINTER_DEBUG the stack is printed too, which repeats the message.
    const refused = await sinter(args, { env: { SINTER_DEBUG: '1' } });
    expect(refused.code).not.toBe(0);
    expectHarmless(refused);
  }
}, 120_000);

it('values of a model folder in messages', async () => {
  const folder = scratch.path('folder');
  await cp(TINY, folder, { recursive: true });
  const file = join(folder, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  for (const changed of [
    { model_type: 'x\u001b[31m\u202e' },
    { hidden_act: 'x\u009b31m' },
    { id2label: { 0: 'a\u001b]0;x\u0007', 1: 'b\u202e' } },
  ]) {
    await writeFile(file, JSON.stringify({ ...config, ...changed }));
    expectHarmless(await sinter(['inspect', folder]));
  }
  await writeFile(file, '{"a": \u001b[31m');
  const broken = await sinter(['inspect', folder]);
  expect(broken.code).toBe(4);
  expectHarmless(broken);
});

it('JSON and JSON lines are the same JSON without control characters', async () => {
  const texts = await scratch.file(
    'texts.txt',
    EVIL.map((text) => text.replace(/\s/g, '')).join('\n'),
  );
  for (const more of [['--json'], ['--format', 'jsonl']]) {
    const result = await sinter(['embed', '--input', texts, ...more]);
    expect(result.code).toBe(0);
    expectHarmless(result);
    expect(result.stdout).toContain('c1\\u009b31m');
    for (const line of result.stdout.trimEnd().split('\n')) JSON.parse(line);
  }
});

it('--escape-formulas keeps a spreadsheet from running texts, where CSV is written', async () => {
  const texts = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =2', '＝3', 'plain', "it's", '1-1'];
  const rows = texts.map((text, i) =>
    JSON.stringify({ text: `${text} film`, label: ['=a', 'b'][i % 2] }),
  );
  const data = await scratch.file('formulas.jsonl', rows.join('\n'));
  const csv = scratch.path('formulas.csv');
  const embed = ['embed', '--input', data, '--out', csv];
  const firstCells = async () =>
    (await readAllRows(csv, { textColumn: 'text' })).map(({ text }) => text);
  expect((await sinter(embed)).code).toBe(0);
  expect(await firstCells()).toEqual(texts.map((text) => `${text} film`));
  expect((await sinter([...embed, '--escape-formulas'])).code).toBe(0);
  const wanted = texts.map((text, i) => (i < 7 ? `'${text} film` : `${text} film`));
  expect(await firstCells()).toEqual(wanted);
  // Vectors stay numbers.
  expect((await readFile(csv, 'utf8')).split('\n')[1]).toMatch(/^'=1\+1 film,-?[\d.e-]+,/);
  const out = scratch.path('formula-model');
  const train = ['train', '--train', data, '--out', out, '--model', TINY, '--epochs', '1'];
  expect((await sinter(train)).code).toBe(0);
  const evaluate = ['evaluate', '--model', out, '--data', data, '--escape-formulas'];
  expect((await sinter([...evaluate, '--predictions', csv])).code).toBe(0);
  const labels = (await readAllRows(csv, { labelColumn: 'label' })).map(({ label }) => label);
  expect(labels.slice(0, 2)).toEqual(["'=a", 'b']);
  for (const more of [[], ['--predictions', scratch.path('p.jsonl')]]) {
    const refused = await sinter([...evaluate, ...more]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--escape-formulas is for');
  }
  expect((await sinter(['embed', 'a', '--escape-formulas'])).code).toBe(2);
});

it('--bom marks CSV for Excel, of every command that writes it', async () => {
  const data = await scratch.file('marked.jsonl', '{"text": "好", "label": "negative"}\n');
  const csv = scratch.path('marked.csv');
  for (const args of [
    ['embed', '--input', data, '--out', csv],
    ['predict', '--model', TINY, '--input', data, '--out', csv],
  ]) {
    expect((await sinter([...args, '--bom'])).code).toBe(0);
    expect([...(await readFile(csv)).subarray(0, 4)]).toEqual([0xef, 0xbb, 0xbf, 0x74]);
    expect((await readAllRows(csv)).map(({ text }) => text)).toEqual(['好']);
    expect((await sinter(args)).code).toBe(0);
    expect((await readFile(csv, 'utf8')).slice(0, 4)).toBe('text');
  }
  const refused = await sinter(['predict', '--model', TINY, 'x', '--bom']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('--bom is for CSV');
});

it('each character is shown as its escape, and the rest stays', () => {
  expect(printable('a\n\t\r\u001b\u007f\u0085\u009b\u2028\u202e\u200fé😀 ж')).toBe(
    'a\\n\\t\\r\\u001b\\u007f\\u0085\\u009b\\u2028\\u202e\\u200fé😀 ж',
  );
  expect(printableLines('a\nb\r\n\u001b')).toBe('a\nb\\r\n\\u001b');
  const value = { 'k\u009b\u2028': ['\u001b\u007f\u202e', 'é😀'] };
  const json = printableJson(JSON.stringify(value));
  expect(json).not.toMatch(CONTROL);
  expect(JSON.parse(json)).toEqual(value);
});
