/**
 * Writing CSV, TSV and JSONL: quoting, column order, round trips, and files that appear whole or not at all.
 *
 * The rule: after a failure the folder looks as it did before.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { csvField, type OutputRow, readAllRows, writeRows } from '../../lib/data/index.js';
import { fileWith, folder, useFolder } from './folder.js';

useFolder();

const rows: OutputRow[] = [
  { text: 'plain', label: 'x', score: 0.5, right: true },
  { text: 'a "b", c\nd ', label: null, score: -1e-7, right: false },
];

describe('writeRows', () => {
  it('writes CSV with a header and quotes what needs it', async () => {
    const path = join(folder, 'out.csv');
    expect(await writeRows(path, rows)).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe(
      'text,label,score,right\nplain,x,0.5,true\n"a ""b"", c\nd ",,-1e-7,false\n',
    );
    expect((await readAllRows(path)).map((row) => row.text)).toEqual(rows.map((row) => row.text));
  });

  it('writes JSONL and TSV in the given order of columns', async () => {
    const columns = ['label', 'text'];
    const jsonl = join(folder, 'out.jsonl');
    expect(await writeRows(jsonl, rows, { columns })).toBe(2);
    expect(readFileSync(jsonl, 'utf8')).toBe(
      '{"label":"x","text":"plain"}\n{"label":null,"text":"a \\"b\\", c\\nd "}\n',
    );
    const tsv = join(folder, 'out.tsv');
    await writeRows(tsv, rows, { columns });
    expect(readFileSync(tsv, 'utf8')).toBe('label\ttext\nx\tplain\n\ta "b", c d \n');
  });

  it.each(['csv', 'tsv'])(
    '%s: begins with a byte order mark on request, which reads back as none',
    async (format) => {
      const path = join(folder, `marked.${format}`);
      await writeRows(path, [{ text: '好' }], { bom: true });
      expect([...readFileSync(path).subarray(0, 4)]).toEqual([0xef, 0xbb, 0xbf, 't'.charCodeAt(0)]);
      expect((await readAllRows(path)).map(({ text }) => text)).toEqual(['好']);
    },
  );

  it('takes rows as they come', async () => {
    async function* many() {
      for (let i = 0; i < 20_000; i++) yield { text: `row ${i}`, n: i };
    }
    const path = join(folder, 'many.csv');
    expect(await writeRows(path, many())).toBe(20_000);
    expect((await readAllRows(path)).at(-1)?.text).toBe('row 19999');
  });

  it('leaves the old file and nothing else behind when a row fails', async () => {
    const path = fileWith('kept.csv', 'old');
    const before = readdirSync(folder);
    const bad = [{ text: 'a' }, { other: 'b' }] as OutputRow[];
    await expect(writeRows(path, bad)).rejects.toThrow('rows[1].text must be given, got undefined');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(before);
    const nowhere = join(folder, 'missing', 'a.csv');
    await expect(writeRows(nowhere, rows)).rejects.toThrow('ENOENT');
    expect(existsSync(nowhere)).toBe(false);
  });
});

describe('csvField', () => {
  it.each([
    ['', ''],
    ['a', 'a'],
    [' a', '" a"'],
    ['a;b', 'a;b'],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\rb', '"a\rb"'],
  ])('%j is written as %j', (value, written) => {
    expect(csvField(value)).toBe(written);
  });
});
