/**
 * `sinter predict`: every kind of model, every source of texts and form of the result; what it says is what the library says.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  Classifier,
  CrossEncoder,
  MaskedLM,
  QuestionAnswerer,
  readAllRows,
  TokenClassifier,
} from '../../lib/index.js';
import { jsonOf, type Outcome, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const [MULTI, QA] = [at('heads/bert-multilabel'), at('heads/bert-qa')];
const [VALUES, TAGS] = [at('heads/bert-regression'), at('heads/bert-tokencls')];
const MASKED = at('encoders/bert-mlm');
const TEXTS = ['we the people of the United States', 'the film was bad', '=1+2'];

type Row = Readonly<Record<string, unknown>>;
const linesOf = ({ stdout }: Outcome): Row[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
const predict = (model: string, ...args: string[]) => sinter(['predict', '-m', model, ...args]);

describe('every kind says what the library says', () => {
  it('one label', async () => {
    await using model = await Classifier.load(TINY);
    const expected = await model.predict(TEXTS, { topK: 2 });
    const rows = linesOf(await predict(TINY, ...TEXTS, '--top-k', '2', '--all-scores'));
    for (const [i, row] of rows.entries()) {
      const { label, score, scores, top } = expected[i] ?? expect.fail();
      expect(row).toMatchObject({ text: TEXTS[i], label, truncated: false });
      expect(row.score).toBeCloseTo(score, 6);
      expect(Object.keys(row.scores as Row)).toEqual(Object.keys(scores));
      expect((row.top as Row[]).map((one) => one.label)).toEqual(top.map((one) => one.label));
      expect((row.top as Row[])[1]?.score).toBeCloseTo(top[1]?.score ?? 0, 6);
    }
    expect(rows).toHaveLength(3);
  });

  it('an adapter beside the model', async () => {
    const [base, adapter] = [at('encoders/bert-seqcls'), at('adapters/lora-query-value')];
    await using model = await Classifier.load(base);
    await model.loadAdapter(adapter, { name: 'one' });
    const expected = await model.predict(TEXTS, { adapter: 'one' });
    const plain = await model.predict(TEXTS);
    const rows = linesOf(await predict(base, ...TEXTS, '--adapter', adapter));
    for (const [i, row] of rows.entries()) {
      expect(row.score).toBeCloseTo(expected[i]?.score ?? 0, 6);
      expect(row.score).not.toBeCloseTo(plain[i]?.score ?? 0, 4);
    }
    const { code, stderr } = await predict(base, 'x', '--adapter', at('adapters'));
    expect(code).not.toBe(0);
    expect(stderr).toContain('adapter_config.json');
  });

  it('several labels', async () => {
    await using model = await Classifier.load(MULTI, { problem: 'multi_label_classification' });
    const expected = await model.predict(TEXTS, { threshold: 0.6 });
    const rows = linesOf(await predict(MULTI, ...TEXTS, '--threshold', '0.6'));
    expect(rows.map(({ labels }) => labels)).toEqual(expected.map(({ labels }) => labels));
  });

  it('a number', async () => {
    await using model = await Classifier.load(VALUES, { problem: 'regression' });
    const rows = linesOf(await predict(VALUES, ...TEXTS));
    const expected = await model.predict(TEXTS);
    expect(rows.map(({ value }) => Math.fround(value as number))).toEqual(
      expected.map(({ value }) => value),
    );
  });

  it('entities', async () => {
    await using model = await TokenClassifier.load(TAGS);
    const [expected] = await model.predict(TEXTS, { aggregation: 'first' });
    const [row] = linesOf(await predict(TAGS, ...TEXTS, '--aggregation', 'first'));
    const entities = row?.entities as Row[];
    expect(entities.map(({ word }) => word)).toEqual(expected?.map(({ word }) => word));
    expect(entities.length).toBeGreaterThan(0);
  });

  it('answers, from arguments and from files with a question and a context', async () => {
    await using model = await QuestionAnswerer.load(QA);
    const question = 'who ?';
    const contexts = ['we the people of the states', 'the war of the union'];
    const expected = await Promise.all(contexts.map((one) => model.answer(question, one)));
    const rows = linesOf(await predict(QA, question, '--pair', ...contexts));
    expect(rows.map(({ answer }) => answer)).toEqual(expected.map(([best]) => best?.answer));
    expect(rows[1]).toMatchObject({ question, context: contexts[1] });
    const lines = contexts.map((context) => JSON.stringify({ id: 1, question, context }));
    const file = await scratch.file('asked.jsonl', `${lines.join('\n')}\n`);
    const read = linesOf(await predict(QA, '--input', file, '--top-k', '2'));
    expect(read.map(({ answer }) => answer)).toEqual(rows.map(({ answer }) => answer));
    expect(read[0]?.answers).toHaveLength(2);
  });

  it('masked tokens', async () => {
    await using model = await MaskedLM.load(MASKED);
    const text = `we the ${model.maskToken} of ${model.maskToken}`;
    const expected = await model.fill(text, { topK: 3 });
    const [row = expect.fail()] = linesOf(await predict(MASKED, text, '--top-k', '3'));
    expect((row.masks as Row[][]).map((own) => own.map(({ token }) => token))).toEqual(
      expected.map((own) => own.map(({ token }) => token)),
    );
    const refused = await predict(MASKED, text, 'no mask');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('arguments: text 2 must be a text with [MASK]');
  });

  it('scores of pairs', async () => {
    const folder = scratch.path('pairs');
    await using model = await CrossEncoder.load(TINY, { newHead: true });
    await model.save(folder);
    const pairs = ['the film', 'a story'].map((own) => ['war', own] as const);
    const expected = await model.score(pairs);
    const rows = linesOf(await predict(folder, 'war', '--pair', 'the film', 'a story'));
    for (const [i, row] of rows.entries()) expect(row.score).toBeCloseTo(expected[i] ?? -1, 6);
    expect(rows).toHaveLength(2);
    const alone = await predict(folder, 'war');
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain('--pair');
  });
});

describe('pairs from stdin', () => {
  const PAIRS = [
    ['the film', 'was good'],
    ['a "story"', 'of\twar, 狗'],
  ] as const;
  const args = ['predict', '-m', TINY, '--input', '-', '-q'];
  const jsonl = PAIRS.map(([text, pair]) => `${JSON.stringify({ text, pair })}\n`).join('');

  it('as JSON lines, TSV and CSV: the same as from a file', async () => {
    const file = await scratch.file('pairs.jsonl', jsonl);
    const expected = linesOf(await predict(TINY, '--input', file));
    expect(expected.map(({ text, pair }) => [text, pair])).toEqual(PAIRS);
    const [[first, second]] = PAIRS;
    for (const [format, input, rows] of [
      ['jsonl', jsonl, expected],
      ['json', `[${jsonl.trimEnd().replace('\n', ',')}]`, expected],
      ['csv', 'text,pair\n"the film",was good\n"a ""story""","of\twar, 狗"\n', expected],
      ['tsv', `text\tpair\n${first}\t${second}\n`, expected.slice(0, 1)],
    ] as const) {
      const outcome = await sinter([...args, '--data-format', format], { input });
      expect([format, linesOf(outcome)]).toEqual([format, rows]);
    }
  });

  it('with columns of other names, and without a header', async () => {
    const named = JSON.stringify({ q: PAIRS[0][0], d: PAIRS[0][1] });
    const columns = ['--data-format', 'jsonl', '--text-column', 'q', '--pair-column', 'd'];
    const [row] = linesOf(await sinter([...args, ...columns], { input: named }));
    expect(row).toMatchObject({ text: PAIRS[0][0], pair: PAIRS[0][1] });
    const numbered = ['--data-format', 'tsv', '--no-header', '--text-column', '1'];
    const outcome = await sinter([...args, ...numbered, '--pair-column', '2'], { input: 'a\tb\n' });
    expect(linesOf(outcome)[0]).toMatchObject({ text: 'a', pair: 'b' });
  });

  it('embed takes them too', async () => {
    const embed = ['embed', '-m', TINY, '--pooling', 'mean', '-q', '--input', '-'];
    const outcome = await sinter([...embed, '--data-format', 'jsonl'], { input: jsonl });
    expect(linesOf(outcome).map(({ text, pair }) => [text, pair])).toEqual(PAIRS);
  });

  it('a bad row ends the command with its line; other formats are refused', async () => {
    const input = `${jsonl}{"text":1}\n${jsonl}`;
    const bad = await sinter([...args, '--data-format', 'jsonl'], { input });
    expect(bad.code).toBe(3);
    expect(bad.stderr).toContain('error: stdin:3: ');
    const binary = await sinter([...args, '--data-format', 'parquet'], { input: 'PAR1' });
    expect(binary.code).toBe(2);
    expect(binary.stderr).toContain('--data-format must be "csv", "tsv", "json" or "jsonl"');
  });

  it('a JSON line is answered before the next one comes, and a bad one ends the wait', async () => {
    const main = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, ...args, '--data-format', 'jsonl']);
    child.stdout.setEncoding('utf8');
    for (const [text, pair] of PAIRS) {
      child.stdin.write(`${JSON.stringify({ text, pair })}\n`);
      const [answer] = (await once(child.stdout, 'data')) as [string];
      expect(JSON.parse(answer)).toMatchObject({ text, pair });
    }
    // stdin stays open.
    child.stdin.write('not JSON\n');
    const [code] = await once(child, 'close');
    expect(code).toBe(3);
  });
});

describe('sources and forms', () => {
  it('a file of many groups, in its order, with progress on stderr', async () => {
    const texts = Array.from({ length: 2500 }, (_, i) => `number ${i}`);
    const file = await scratch.file(
      'many.csv',
      `id,text\n${texts.map((t) => `x,${t}\n`).join('')}`,
    );
    const out = scratch.path('many-labels.csv');
    const written = await predict(TINY, '--input', file, '--out', out);
    expect(written.code).toBe(0);
    expect(written.stdout).toContain('2,500 predictions written');
    expect(written.stderr).toMatch(/predicting: \d0 %/);
    const rows = await readAllRows(out);
    expect(rows.map(({ text }) => text)).toEqual(texts);
    expect(rows[0]?.label).toMatch(/^LABEL_/);
  });

  it('CSV: columns for scores, lists as JSON, formulas on request', async () => {
    const args = [...TEXTS, '--format', 'csv'];
    const plain = await predict(TINY, ...args, '--top-k', '2', '--all-scores');
    const names = 'text,label,score,label_1,score_1,label_2,score_2,scores.LABEL_0,scores.LABEL_1';
    expect(plain.stdout.split('\n')[0]).toBe(`${names},scores.LABEL_2,truncated`);
    const listed = await predict(MULTI, ...args, '--escape-formulas', '--threshold', '0');
    expect(listed.stdout.split('\n')[0]).toBe('text,labels,truncated');
    expect(listed.stdout.split('\n')[3]).toMatch(/^'=1\+2,"\[""LABEL_/);
  });

  it('--json is one document', async () => {
    const document = jsonOf<{ task: string; rows: Row[] }>(await predict(TINY, ...TEXTS, '--json'));
    expect(document.task).toBe('classification');
    expect(document.rows.map(({ text }) => text)).toEqual(TEXTS);
    const none = await sinter(['predict', '-m', TINY, '--input', '-', '--json'], { input: '' });
    expect(jsonOf<{ rows: Row[] }>(none).rows).toEqual([]);
  });

  it('a line on stdin is answered before the next one comes', async () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const child = spawn(process.execPath, [main, 'predict', '-m', TINY, '--input', '-', '-q']);
    child.stdout.setEncoding('utf8');
    for (const text of ['first', '', 'third']) {
      child.stdin.write(`${text}\n`);
      // Of an empty line only the next one shows that it was not the end.
      if (text === '') continue;
      let answer = '';
      while (!answer.endsWith('\n')) answer += String((await once(child.stdout, 'data'))[0]);
      const [last] = answer.trimEnd().split('\n').reverse();
      expect(JSON.parse(last ?? '')).toMatchObject({ text });
    }
    child.stdin.end();
    expect((await once(child, 'close'))[0]).toBe(0);
  });

  it('the end of a long text that is cut is told', async () => {
    const outcome = await predict(TINY, 'the film '.repeat(400), 'short');
    expect(linesOf(outcome).map(({ truncated }) => truncated)).toEqual([true, false]);
    expect(outcome.stderr).toContain(
      '1 texts were longer than the model reads and were cut; --windows',
    );
    const whole = await predict(TINY, 'the film '.repeat(400), '--windows', 'mean');
    expect(whole.stderr).toBe('');
  });
});

describe('mistakes are told before any work', () => {
  it.each([
    { args: ['x'], says: /give --model/ },
    { args: ['-m', TINY], says: /give texts, or --input FILE/ },
    {
      args: ['-m', TINY, 'x', '--threshold', '0.4'],
      says: /--threshold means nothing to .* classification/,
    },
    { args: ['-m', VALUES, 'x', '--top-k', '2'], says: /--top-k means nothing to .* regression/ },
    { args: ['-m', TAGS, 'x', '--pair', 'y'], says: /takes no pairs/ },
    { args: ['-m', TINY, 'x', 'y', 'z', '--pair', 'a', 'b'], says: /3 texts and 2 of --pair/ },
    {
      args: ['-m', TINY, 'x', '--out', 'labels.txt'],
      says: /not a \.jsonl, \.csv or \.parquet file/,
    },
  ])('$says', async ({ args, says }) => {
    const outcome = await sinter(['predict', ...args]);
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(says);
    expect(outcome.stdout).toBe('');
  });

  it('an encoder has nothing to say', async () => {
    const embedded = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
    const outcome = await predict(embedded, 'x');
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain('has no head: `sinter embed`');
  });

  it('a bad row leaves no file', async () => {
    const file = await scratch.file('bad.jsonl', '{"text": "a"}\n{"text": 1}\n');
    const out = scratch.path('bad-labels.jsonl');
    const outcome = await predict(TINY, '--input', file, '--out', out);
    expect(outcome.code).toBe(3);
    await expect(readFile(out)).rejects.toThrow('ENOENT');
  });
});
