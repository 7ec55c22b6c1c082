/**
 * Parquet files: every codec and page version, class names, nested columns, and files that are damaged.
 *
 * The rule: whatever a file says of itself, it is read or refused with INVALID_DATA; the process lives.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  allOf,
  readAllRows,
  readColumns,
  readQuestionRows,
  readRows,
  readWordTagsRows,
} from '../../lib/data/index.js';
import { fileWith, refusal, useFolder } from './folder.js';

useFolder();

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url));
const BANKING = readFileSync(fixture('banking.parquet'));

describe('parquet', () => {
  it('reads row groups in order, with the names of the classes', async () => {
    const rows = await readAllRows(fixture('banking.parquet'));
    expect(rows).toHaveLength(60);
    expect(rows[0]).toMatchObject({ label: 'card_arrival', line: 1 });
    expect(rows[59]).toMatchObject({
      text: 'What is the age to open an account?',
      label: 'age_limit',
      line: 60,
    });
    const counts = new Map<string, number>();
    for (const { label = '' } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
    expect([...counts.values()]).toEqual([15, 15, 15, 15]);
  });

  it('gives other names, or the numbers, where it is told to', async () => {
    const labelNames = ['w', 'x', 'y', 'z'];
    const [first] = await readAllRows(fixture('banking.parquet'), { labelNames });
    expect(first?.label).toBe('w');
    const [number] = await readAllRows(fixture('banking.parquet'), { labels: 'numbers' });
    expect(number?.label).toBe('0');
  });

  it.each(['none', 'gzip', 'zstd', 'brotli', 'lz4', 'v2'])('%s', async (codec) => {
    const rows = await readAllRows(fixture(`banking-${codec}.parquet`));
    const wanted = await readAllRows(fixture('banking.parquet'));
    const plain = (list: typeof rows) => list.map(({ file: _, ...row }) => row);
    expect(plain(rows)).toEqual(plain(wanted.slice(0, rows.length)));
    expect(rows).toHaveLength(codec === 'v2' ? 30 : 8);
  });

  it('reads lists of words and tags, equal to the CoNLL file', async () => {
    const rows = await allOf(readWordTagsRows(fixture('wnut17.parquet')));
    const conll = await allOf(readWordTagsRows(fixture('wnut17.conll')));
    const plain = (list: typeof rows) => list.map(({ words, tags }) => ({ words, tags }));
    expect(plain(rows)).toEqual(plain(conll));
  });

  it('reads questions whose answers are nested columns', async () => {
    const rows = await allOf(readQuestionRows(fixture('answers.parquet')));
    expect(rows.map(({ answers }) => answers)).toEqual([
      [{ text: 'Berlin', start: 16 }],
      [
        { text: '2019', start: 39 },
        { text: 'in 2019', start: 36 },
      ],
      [],
    ]);
  });

  it('tells its columns, and stops where the caller stops', async () => {
    const { columns, source } = await readColumns(fixture('wnut17.parquet'));
    expect(columns).toEqual(['id', 'tokens', 'ner_tags']);
    expect(source).toMatchObject({ format: 'parquet', encoding: null, delimiter: null });
    for await (const { line } of readRows(fixture('banking.parquet'))) {
      if (line === 30) break;
    }
  });

  it('ends with CANCELLED', async () => {
    const abort = new AbortController();
    const read = async () => {
      for await (const _ of readRows(fixture('banking.parquet'), { signal: abort.signal }))
        abort.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a Parquet file is refused that', () => {
  it.each([
    [
      'is none',
      Buffer.from('text,label\n'),
      'a.parquet: not a Parquet file: it does not begin with PAR1',
    ],
    [
      'is cut off',
      BANKING.subarray(0, 4000),
      'a.parquet: a Parquet file that is cut off: it does not end with PAR1',
    ],
    ['is empty', Buffer.alloc(0), 'a.parquet: not a Parquet file: it does not begin with PAR1'],
    [
      'has a wrong length of its metadata',
      Buffer.concat([
        BANKING.subarray(0, -8),
        Buffer.from([0xff, 0xff, 0xff, 0x7f]),
        Buffer.from('PAR1'),
      ]),
      'a.parquet: damaged or cut off, or of a kind that is not read: its metadata would have 2147483647 bytes',
    ],
  ])('%s', async (_, bytes, message) => {
    expect((await refusal('a.parquet', bytes)).message).toBe(message);
  });

  it('holds text that is not UTF-8', async () => {
    await expect(readAllRows(fixture('latin1.parquet'))).rejects.toMatchObject({
      code: 'INVALID_DATA',
    });
  });

  it('has another name', async () => {
    expect((await refusal('a.csv', BANKING)).message).toBe(
      'a.csv: a Parquet file; end its name with .parquet, or name its `format`',
    );
    const rows = await readAllRows(fileWith('a.bin', BANKING), { format: 'parquet' });
    expect(rows).toHaveLength(60);
  });
});
