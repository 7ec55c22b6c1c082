/**
 * Rows that cannot be used: all of a file in one error, left out with counts, or only listed.
 */
import { describe, expect, it } from 'vitest';
import { type BadRows, type ReadOptions, readAllRows, readRows } from '../../lib/data/index.js';
import { fileWith, folder, refusal, useFolder } from './folder.js';

useFolder();

const FAULTS = [
  'text,label',
  'good one,a',
  ',a',
  'x,y,z',
  'say "hi",a',
  '"closed" early,b',
  'no label,',
  '   ,b',
  'good two,b',
  'one',
].join('\n');

async function found(onBadRows: 'skip' | 'report', options: ReadOptions = {}) {
  const bad: BadRows[] = [];
  const onBadRowsFound = (one: BadRows) => bad.push(one);
  const file = fileWith('faults.csv', FAULTS);
  const rows = await readAllRows(file, {
    requireLabel: true,
    onBadRows,
    onBadRowsFound,
    ...options,
  });
  return { rows: rows.map(({ text }) => text), bad };
}

const KINDS = [
  { first: 'faults.csv:3: column "text" is empty', count: 2, lines: [3, 8] },
  {
    first: 'faults.csv:4: 2 columns expected, got 3 (a text with a comma must be quoted)',
    count: 2,
    lines: [4, 10],
  },
  {
    first:
      'faults.csv:5: a quote inside a field that is not quoted (quote the field, double its quotes)',
    count: 1,
    lines: [5],
  },
  {
    first:
      'faults.csv:6: text after the closing quote of a field (double the quotes inside a field)',
    count: 1,
    lines: [6],
  },
  { first: 'faults.csv:7: column "label" is empty', count: 1, lines: [7] },
];

const short = ({ file, kinds, ...bad }: BadRows) => ({
  ...bad,
  file: file.replace(`${folder}/`, ''),
  kinds: kinds.map((kind) => ({ ...kind, first: kind.first.replace(`${folder}/`, '') })),
});

describe('rows that cannot be used', () => {
  it('fail: one error for all kinds, after which there are no rows', async () => {
    const { message, details } = await refusal('faults.csv', FAULTS, { requireLabel: true });
    const lines = KINDS.map(({ first, count, lines: at }) =>
      count === 1 ? `  ${first}` : `  ${first} (${count} rows: lines ${at.join(', ')})`,
    );
    expect(message).toBe(['faults.csv: 7 of 9 rows cannot be used', ...lines].join('\n'));
    expect(details).toMatchObject({ line: 3 });
    expect(details.problems).toHaveLength(5);
    const seen: string[] = [];
    const read = async () => {
      const file = fileWith('faults.csv', FAULTS);
      for await (const { text } of readRows(file, { requireLabel: true })) seen.push(text);
    };
    await expect(read()).rejects.toThrow('7 of 9 rows');
    expect(seen).toEqual(['good one']);
  });

  it('skip: the others are read, and what was left out is told', async () => {
    const { rows, bad } = await found('skip');
    expect(rows).toEqual(['good one', 'good two']);
    expect(bad.map(short)).toEqual([{ file: 'faults.csv', count: 7, rows: 9, kinds: KINDS }]);
  });

  it('report: no rows at all', async () => {
    const { rows, bad } = await found('report');
    expect(rows).toEqual([]);
    expect(bad.map(short)).toEqual([{ file: 'faults.csv', count: 7, rows: 9, kinds: KINDS }]);
  });

  it('report of a good file has none', async () => {
    const bad: BadRows[] = [];
    const file = fileWith('good.csv', 'text\na\nb\n');
    const onBadRowsFound = (one: BadRows) => bad.push(one);
    expect(await readAllRows(file, { onBadRows: 'report', onBadRowsFound })).toEqual([]);
    expect(bad).toEqual([{ file, count: 0, rows: 2, kinds: [] }]);
  });

  it('ten lines of a kind are named, the others are counted', async () => {
    const { message } = await refusal('many.csv', `text,label\n${'a,b,c\n'.repeat(50)}`);
    expect(message).toContain('(50 rows: lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)');
  });

  it('of JSON lines are told together, with what ended the file', async () => {
    const lines = '{"text":"a"}\n{"text":"b",}\n["x"]\n{"text":"b"}\n{"text":5}\n';
    const { message } = await refusal('a.jsonl', `${lines}${'x'.repeat(17_000_000)}`);
    expect(message.split('\n')).toEqual([
      'a.jsonl: 3 of 5 rows cannot be used',
      '  a.jsonl:2: not valid JSON at character 13',
      '  a.jsonl:3: must be a JSON object, got an array of 1',
      '  a.jsonl:5: column "text" is not a string',
      '  a.jsonl:6: the line is longer than 16777216 characters (nothing was read after it)',
    ]);
  });

  it('all of them: skip is an error too', async () => {
    const file = fileWith('none.csv', 'text,label\n,a\n');
    await expect(readAllRows(file, { onBadRows: 'skip' })).rejects.toThrow(
      'none.csv:2: column "text" is empty',
    );
  });

  it('a policy must be one', () => {
    expect(() => readRows('a.csv', { onBadRows: 'ignore' as never })).toThrow(
      'onBadRows must be "fail", "skip" or "report", got "ignore"',
    );
  });
});
