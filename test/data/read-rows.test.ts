/**
 * Reading CSV, TSV and JSONL: what is read, which columns are chosen, and on which line a row begins.
 *
 * The rule: whatever the writer writes comes back equal; hostile files are in hostile.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChosenColumns,
  csvField,
  type FileRow,
  type ReadOptions,
  readAllRows,
  readRows,
} from '../../lib/data/index.js';
import { fileWith, useFolder } from './folder.js';

useFolder();

const plain = (rows: readonly FileRow[]) => rows.map(({ file: _, ...row }) => row);

async function read(name: string, content: string | Uint8Array, options: ReadOptions = {}) {
  return plain(await readAllRows(fileWith(name, content), options));
}

describe('csv', () => {
  it('reads quoted fields, line breaks inside them, and the line on which each row begins', async () => {
    const csv = 'text,label\n"a, b",x\n\n"two\nlines ""quoted""",y\nlast,z';
    expect(await read('a.csv', csv)).toEqual([
      { text: 'a, b', label: 'x', line: 2 },
      { text: 'two\nlines "quoted"', label: 'y', line: 4 },
      { text: 'last', label: 'z', line: 6 },
    ]);
  });

  it('reads CRLF and a byte order mark', async () => {
    const csv = '\uFEFFtext,label\r\n"one\r\ntwo",x\r\n\r\nb,y\r\n';
    expect(await read('a.csv', csv)).toEqual([
      { text: 'one\ntwo', label: 'x', line: 2 },
      { text: 'b', label: 'y', line: 5 },
    ]);
  });

  it('takes columns by name and by number, and another delimiter', async () => {
    const csv = 'id;frage;antwort;art\n7;was?;das;x\n';
    const byName = { textColumn: 'frage', pairColumn: 'antwort', labelColumn: 'art' };
    const wanted = [{ text: 'was?', pair: 'das', label: 'x', line: 2 }];
    expect(await read('a.csv', csv, { ...byName, delimiter: ';' })).toEqual(wanted);
    const byNumber = { textColumn: 2, pairColumn: 3, labelColumn: 4, delimiter: ';' };
    expect(await read('a.csv', csv, byNumber)).toEqual(wanted);
  });

  it('reads without a header by number', async () => {
    const options = { header: false, textColumn: 2, labelColumn: 1 };
    expect(await read('a.csv', 'x,first\ny,second\n', options)).toEqual([
      { text: 'first', label: 'x', line: 1 },
      { text: 'second', label: 'y', line: 2 },
    ]);
  });

  it('leaves out labels that are empty when none are required', async () => {
    const csv = 'text,label\na,\nb, x \nc,   \n';
    expect(await read('a.csv', csv)).toEqual([
      { text: 'a', line: 2 },
      { text: 'b', label: ' x ', line: 3 },
      { text: 'c', line: 4 },
    ]);
  });

  it('returns every field and line as written, for any text', async () => {
    const unit = fc.oneof(fc.constantFrom('"', ',', '\n', '\r', ' ', 'é', '狗', '😀'), fc.string());
    const text = fc
      .array(unit, { minLength: 1, maxLength: 12 })
      .map((parts) => parts.join(''))
      .filter((value) => value.trim() !== '' && !/\p{Surrogate}/u.test(value));
    const rows = fc.array(fc.tuple(text, fc.nat({ max: 2 })), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(rows, async (list) => {
        let csv = 'text\n';
        const wanted = list.map(([value, blankLines]) => {
          csv += '\n'.repeat(blankLines);
          const line = csv.split(/\r\n?|\n/).length;
          csv += `${csvField(value)}\n`;
          return { text: value.replace(/\r\n?/g, '\n'), line };
        });
        expect(await read('any.csv', csv)).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });
});

describe('tsv', () => {
  it('does not treat quotes as special unless told to', async () => {
    const tsv = 'sentence\tlabel\n"so" it began\t1\n';
    expect(await read('a.tsv', tsv)).toEqual([{ text: '"so" it began', label: '1', line: 2 }]);
    const quoted = 'text\n"a\tb"\n';
    expect(await read('a.tsv', quoted, { quoting: true })).toEqual([{ text: 'a\tb', line: 2 }]);
  });
});

describe('jsonl', () => {
  it('may be in a .json file too', async () => {
    expect(await read('a.json', '{"text":"a"}\n{"text":"b"}\n')).toEqual([
      { text: 'a', line: 1 },
      { text: 'b', line: 2 },
    ]);
  });

  it('reads objects, skips blank lines, turns numbers and booleans into labels', async () => {
    const jsonl = '{"text":"a","label":1}\r\n\n{"label":true,"text":"b\\nc"}\n{"text":"d"}';
    expect(await read('a.jsonl', jsonl)).toEqual([
      { text: 'a', label: '1', line: 1 },
      { text: 'b\nc', label: 'true', line: 3 },
      { text: 'd', line: 4 },
    ]);
  });

  it('reads keys that Object has too', async () => {
    const jsonl = '{"constructor":"a","__proto__":"b"}\n';
    const options = { textColumn: 'constructor', labelColumn: '__proto__' };
    expect(await read('a.jsonl', jsonl, options)).toEqual([{ text: 'a', label: 'b', line: 1 }]);
  });
});

describe('columns', () => {
  const chosenFor = async (csv: string, options: ReadOptions = {}) => {
    const seen: ChosenColumns[] = [];
    await read('a.csv', csv, { ...options, onColumns: (columns) => seen.push(columns) });
    expect(seen).toHaveLength(1);
    const { file: _, ...columns } = seen[0] as ChosenColumns;
    return columns;
  };

  it('guesses the names in order of preference, in any case, and reports the guess', async () => {
    expect(await chosenFor('Query,id,Intent,class\na,1,x,y\n')).toEqual({
      text: { name: 'Query', guessed: true },
      label: { name: 'Intent', guessed: true },
    });
    expect(await chosenFor('content,TEXT\na,b\n')).toEqual({
      text: { name: 'TEXT', guessed: true },
    });
    expect(await chosenFor('编号,标签,文本\n1,a,b\n')).toEqual({
      text: { name: '文本', guessed: true },
      label: { name: '标签', guessed: true },
    });
  });

  it('reports what was named as not guessed', async () => {
    expect(await chosenFor('a,label\nx,y\n', { textColumn: 'a' })).toEqual({
      text: { name: 'a', guessed: false },
      label: { name: 'label', guessed: true },
    });
  });

  it('guesses by position only for one or two columns without header', async () => {
    expect(await chosenFor('x,y\n', { header: false })).toEqual({
      text: { name: '1', guessed: true },
      label: { name: '2', guessed: true },
    });
  });
});

describe('streaming', () => {
  it('stops reading when the consumer stops', async () => {
    const path = fileWith('long.csv', `text\n${'some words here\n'.repeat(200_000)}`);
    const seen: string[] = [];
    for await (const row of readRows(path)) {
      seen.push(row.text);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(Array(3).fill('some words here'));
  });

  it('decodes characters that are split between chunks', async () => {
    const text = '狗é😀'.repeat(60_000);
    const rows = await read('wide.csv', `text\n${'x'}${text}\n${text}\n`);
    expect(rows.map((row) => row.text)).toEqual([`x${text}`, text]);
  });

  it('can be read again from the start', async () => {
    const rows = readRows(fileWith('a.csv', 'text\na\nb\n'));
    for (const _ of [1, 2]) {
      const texts: string[] = [];
      for await (const row of rows) texts.push(row.text);
      expect(texts).toEqual(['a', 'b']);
    }
  });
});

describe('options', () => {
  it('are checked at once', () => {
    expect(() => readRows('rows.txt')).toThrow(
      'path must be a .csv, .tsv, .jsonl, .json, .parquet or .conll file (or name its `format`), got "rows.txt"',
    );
    expect(() => readRows('')).toThrow(TypeError);
    expect(() => readRows('a.csv', { textColumn: 0 })).toThrow(RangeError);
    expect(() => readRows('a.csv', { delimiter: ',,' })).toThrow(RangeError);
    expect(() => readRows('a.jsonl', { textColumn: 1 })).toThrow(
      'textColumn must be the name of a column or key, got 1',
    );
  });
});
