/**
 * Data files on the command line: what is guessed is noted, all that is wrong is listed with flags and lines, `sinter check`.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { jsonOf, labelledCsv, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const BANKING = fileURLToPath(new URL('../fixtures/data/banking.parquet', import.meta.url));
const FAULTS = [
  'text,label',
  'the film,good',
  ',good',
  'x,y,z',
  'say "hi",good',
  '"closed" early,bad',
  'no label,',
  'the story,bad',
].join('\n');
const LINES = [
  '  DIR/faults.csv:3: column "text" is empty',
  '  DIR/faults.csv:4: 2 columns expected, got 3 (a text with a comma must be quoted)',
  '  DIR/faults.csv:5: a quote inside a field that is not quoted (quote the field, double its quotes)',
  '  DIR/faults.csv:6: text after the closing quote of a field (double the quotes inside a field)',
  '  DIR/faults.csv:7: column "label" is empty',
];
const train = (file: string, ...more: readonly string[]) => [
  ...['train', '--train', file, '--out', scratch.path('out'), '--model', TINY, '--epochs', '1'],
  ...['--overwrite', ...more],
];
const relative = (text: string) => text.replaceAll(scratch.path(), 'DIR').split('\n');

describe('--on-bad-rows', () => {
  it('fail: all of them at once', async () => {
    const { code, stderr } = await sinter(train(await scratch.file('faults.csv', FAULTS)));
    expect(code).toBe(3);
    expect(relative(stderr).slice(1)).toEqual([
      'error: DIR/faults.csv: 5 of 7 rows cannot be used',
      ...LINES,
      '',
    ]);
  });

  it('skip: trains on the others and says what was left out', async () => {
    const file = await scratch.file('faults.csv', FAULTS);
    const { code, stdout, stderr } = await sinter(train(file, '--on-bad-rows', 'skip'));
    expect(code).toBe(0);
    expect(stdout).toContain('on 2 rows with 2 labels');
    expect(relative(stderr)).toEqual(
      expect.arrayContaining([
        'DIR/faults.csv: 5 of 7 rows cannot be used and are left out:',
        ...LINES,
      ]),
    );
  });

  it('report: lists them on stdout and does nothing else', async () => {
    const file = await scratch.file('faults.csv', FAULTS);
    const out = scratch.path('never');
    const args = [...train(file, '--on-bad-rows', 'report'), '--out', out];
    const { code, stdout } = await sinter(args);
    expect(code).toBe(3);
    expect(relative(stdout)).toEqual(['DIR/faults.csv: 5 of 7 rows cannot be used', ...LINES, '']);
    const json = jsonOf<{ files: { count: number }[] }>(await sinter([...args, '--json']));
    expect(json.files).toMatchObject([{ count: 5, rows: 7 }]);
    await expect(readFile(out)).rejects.toThrow('ENOENT');
    const good = await scratch.file('good.csv', labelledCsv(3));
    const clean = await sinter([
      'evaluate',
      '--model',
      TINY,
      '--data',
      good,
      '--on-bad-rows',
      'report',
    ]);
    expect(clean).toMatchObject({ code: 0, stdout: `${good}: all 6 rows can be used\n` });
  });
});

describe('messages speak of flags and lines', () => {
  const failure = async (args: readonly string[]) => {
    const { code, stderr } = await sinter(args);
    const line = relative(stderr).find((text) => text.startsWith('error: '));
    return { code, line };
  };

  it('of columns and encodings', async () => {
    const columns = await scratch.file('c.csv', 'id,words\n1,x\n');
    expect(await failure(train(columns))).toEqual({
      code: 3,
      line: 'error: DIR/c.csv:2: which column is the text? name it with --text-column: found "id", "words"',
    });
    const unclear = await scratch.file('u.csv', Buffer.from([0x74, 0x0a, 0xe9, 0x0a]));
    expect((await failure(train(unclear))).line).toMatch(
      /u\.csv:2: .* name it with --encoding \(it may be/,
    );
    expect(await failure(train(columns, '--encoding', 'klingon'))).toMatchObject({ code: 2 });
    expect(await failure(train('sheet.xlsx'))).toEqual({
      code: 2,
      line: 'error: a data file must be a text file: save the sheet as CSV, got "sheet.xlsx"',
    });
  });

  it('of what only a model can refuse', async () => {
    const scores = await scratch.file('s.csv', 'text,other,label\na,b,0.5\nc,d,7\n');
    const args = train(scores, '--task', 'pairs', '--pair-column', 'other');
    const { code, line } = await failure(args);
    expect(code).toBe(3);
    expect(line).toMatch(/^error: DIR\/s\.csv:3: the label must be a number from 0 to 1, got 7/);
  });

  it('of one class, and of one tag', async () => {
    const one = await scratch.file('one.csv', labelledCsv(3, ['good']));
    expect(await failure(train(one))).toEqual({
      code: 3,
      line:
        'error: DIR/one.csv: column "label" holds one class only, "good", in the rows to train on; ' +
        'a classifier needs at least two',
    });
    const tags = await scratch.file('one.conll', 'a O\nb O\n');
    expect(await failure(train(tags, '--task', 'tags'))).toEqual({
      code: 3,
      line: 'error: DIR/one.conll: holds one tag only, "O"; a model of tags needs at least two',
    });
  });
});

it('a guessed encoding and delimiter are noted', async () => {
  const file = await scratch.file(
    'fr.csv',
    Buffer.from('text;label\nun café;a\nbien sûr;b\n', 'latin1'),
  );
  const { code, stderr } = await sinter([
    'embed',
    '--input',
    file,
    '--model',
    TINY,
    '--pooling',
    'mean',
  ]);
  expect(code).toBe(0);
  expect(relative(stderr).slice(0, 2)).toEqual([
    'DIR/fr.csv: read as windows-1252 (letters as French has them: é û); another one: --encoding',
    'DIR/fr.csv: columns are separated by ";"; another character: --delimiter',
  ]);
});

it('train and evaluate read Parquet with the names of its classes', async () => {
  const out = scratch.path('parquet');
  const trained = await sinter([...train(BANKING), '--out', out, '--json']);
  expect(trained.code).toBe(0);
  const { labels } = jsonOf<{ labels: string[] }>(trained);
  expect(labels).toEqual([
    'Refund_not_showing_up',
    'age_limit',
    'card_arrival',
    'lost_or_stolen_card',
  ]);
  const scored = await sinter(['evaluate', '--model', out, '--data', BANKING, '--json']);
  expect(jsonOf<{ rows: number }>(scored).rows).toBe(60);
});

describe('check', () => {
  const ROWS = [
    'text;label',
    'the film was good;pos',
    'the film was bad;neg',
    'the film was good;neg',
    'the film was bad;neg',
    'fine;POS',
    '\u001b[31mred;pos',
    ';pos',
    `${'word '.repeat(80)};neg`,
  ].join('\n');

  it('shows how the file is read, its labels, and what may be wrong', async () => {
    const file = await scratch.file('check.csv', ROWS);
    const { code, stdout, stderr } = await sinter(['check', file, '--model', TINY]);
    expect(code).toBe(3);
    expect(relative(stderr)).toEqual(['error: DIR/check.csv: 1 of 8 rows cannot be used', '']);
    const text = stdout.replaceAll(scratch.path(), 'DIR').replace(/\n +/g, ' ');
    for (const part of [
      'delimiter   ";" (guessed)',
      'rows        8, of which 1 cannot be used',
      '"neg"         4  57.1 %',
      '* cannot be used: DIR/check.csv:8: column "text" is empty',
      '* 3 rare labels, fewer than 10 times each: "neg" 4, "pos" 2, "POS" 1',
      '* labels that differ in spelling only count as different ones: "pos" (2 times, lines 2, 7), "POS" (1 time, line 6)',
      '* 1 text with two labels: "the film was good" ("pos" in line 2, "neg" in line 4)',
      '* 2 texts more than once, in 4 rows: ',
      'would be cut',
    ]) {
      expect(text).toContain(part);
    }
    expect(stdout).not.toContain('\u001b');
    const widths = stdout.split('\n').filter((line) => !line.includes(scratch.path()));
    expect(Math.max(...widths.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('is one JSON document with --json', async () => {
    const file = await scratch.file('check.csv', ROWS);
    const result = jsonOf<Record<string, never>>(
      await sinter(['check', file, '--model', TINY, '--json']),
    );
    expect(result).toMatchObject({
      source: {
        format: 'csv',
        encoding: { name: 'utf-8', found: 'valid' },
        delimiter: { character: ';' },
      },
      columns: ['text', 'label'],
      task: 'classification',
      bad: { count: 1, rows: 8 },
      audit: { rows: 7, unlabelled: 0, conflicts: { texts: 1 }, repeated: { texts: 2, rows: 4 } },
      lengths: { over: 1 },
    });
  });

  it('says that a model does not know the script of the texts', async () => {
    const rows = ['物流很快', '质量太差', '客服很好'].map((text, i) => `${text},${i % 2}`);
    const file = await scratch.file('chinese.csv', `text,label\n${rows.join('\n')}\n`);
    const { stdout } = await sinter(['check', file]);
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /\* \d+ % of the tokens are unknown to all-MiniLM-L6-v2, .* take a model of their language/,
    );
    const english = await scratch.file('english.csv', 'text,label\na good film,1\na bad film,0\n');
    expect((await sinter(['check', english])).stdout).not.toContain('unknown');
  });

  it('knows tags, questions and numbers by their columns, or by --task', async () => {
    const task = async (name: string, content: string, ...more: readonly string[]) => {
      const file = await scratch.file(name, content);
      const result = await sinter(['check', file, '--model', TINY, '--json', ...more]);
      expect(result.code).toBe(0);
      return jsonOf<{ task: string; numbers: object | null; audit: { labels: object[] } }>(result);
    };
    // TINY is a classifier: it decides unless --task does.
    expect(await task('t.conll', 'a O\nb B-X\n', '--task', 'tags')).toMatchObject({
      task: 'tags',
      audit: {
        labels: [
          { label: 'B-X', count: 1 },
          { label: 'O', count: 1 },
        ],
      },
    });
    expect(await task('n.csv', 'text,label\na,0.5\nb,2\n', '--task', 'regression')).toMatchObject({
      numbers: { least: 0.5, most: 2, mean: 1.25 },
    });
    const good = await scratch.file('good.csv', labelledCsv(12));
    const { stdout, code } = await sinter(['check', good]);
    expect(code).toBe(0);
    expect(stdout).toContain('nothing looks wrong');
  });
});
