/**
 * Files that must be refused, each with the exact message that a user sees.
 *
 * The rule: every message names the file, and the line and column where there is one.
 */
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { type ReadOptions, readAllRows } from '../../lib/data/index.js';
import { folder, refusal, useFolder } from './folder.js';

useFolder();

type Case = [
  title: string,
  name: string,
  content: string | Uint8Array,
  message: string,
  options?: ReadOptions,
];

const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))),
  );

const cases: readonly Case[] = [
  ['an empty file', 'a.csv', '', 'a.csv: the file is empty'],
  ['a file of blank lines', 'a.csv', '\r\n\n', 'a.csv: the file is empty'],
  ['a byte order mark alone', 'a.csv', '\uFEFF', 'a.csv: the file is empty'],
  ['an empty JSONL file', 'a.jsonl', '\n \n', 'a.jsonl: the file is empty'],
  ['a header alone', 'a.csv', 'text,label\n', 'a.csv: the file has a header but no rows'],
  ['an empty text', 'a.csv', 'text,label\nx,y\n"  ",z\n', 'a.csv:3: column "text" is empty'],
  [
    'an empty label',
    'a.csv',
    'text,label\nx,\n',
    'a.csv:2: column "label" is empty',
    { labelColumn: 'label' },
  ],
  ['an empty pair', 'a.csv', 'text,b\nx,\n', 'a.csv:2: column "b" is empty', { pairColumn: 'b' }],
  ['too few columns', 'a.csv', 'text,label\n"a\nb",y\nz\n', 'a.csv:4: 2 columns expected, got 1'],
  [
    'too many columns',
    'a.csv',
    'text,label\na, b,y\n',
    'a.csv:2: 2 columns expected, got 3 (a text with a comma must be quoted)',
  ],
  [
    'a quote that is never closed',
    'a.csv',
    `text,label\na,x\n"b,y\n${'c,z\n'.repeat(50)}`,
    'a.csv:3: a quoted field is never closed',
  ],
  [
    'a quote inside an unquoted field',
    'a.csv',
    'text,label\nsay "hi",x\n',
    'a.csv:2: a quote inside a field that is not quoted (quote the field, double its quotes)',
  ],
  [
    'text after a closing quote',
    'a.csv',
    'text,label\n"a" b,x\n',
    'a.csv:2: text after the closing quote of a field (double the quotes inside a field)',
  ],
  [
    'a column that is not there',
    'a.csv',
    'id,words\n1,x\n',
    'a.csv:2: no text column "text": found "id", "words"',
    { textColumn: 'text' },
  ],
  [
    'columns that cannot be guessed',
    'a.csv',
    'id,words\n1,x\n',
    'a.csv:2: which column is the text? name it with `textColumn`: found "id", "words"',
  ],
  [
    'a label column that cannot be guessed',
    'a.csv',
    'text,art\n1,x\n',
    'a.csv:2: which column is the label? name it with `labelColumn`: found "text", "art"',
    { requireLabel: true },
  ],
  [
    'another delimiter than the one that was named',
    'a.csv',
    'text;label\nx;y\n',
    'a.csv:2: which column is the text? name it with `textColumn`: found "text;label"',
    { delimiter: ',' },
  ],
  [
    'a column number beyond the last',
    'a.csv',
    'x,y\n',
    'a.csv:1: no label column 3: the file has 2 columns and no header',
    { header: false, textColumn: 1, labelColumn: 3 },
  ],
  ['two columns of one name', 'a.csv', 'text,text\na,b\n', 'a.csv:1: two columns are named "text"'],
  [
    'an array in JSONL',
    'a.jsonl',
    '{"text":"a"}\n["b"]\n',
    'a.jsonl:2: must be a JSON object, got an array of 1',
  ],
  [
    'a file that is an array',
    'a.jsonl',
    '\n [{"text":"a"},\n{"text":"b"}]',
    'a.jsonl:2: begins with an array; each line must be one whole object, such as {"text": "...", "label": "..."} ' +
      '(`format` json reads a file that is one array)',
  ],
  [
    'an element of an array that is longer than a line may be',
    'a.json',
    `[{"text":"a"},\n{"text":"${'a'.repeat(17_000_000)}"}]`,
    'a.json:2: an element of the array is longer than 16777216 characters',
  ],
  [
    'an array that is never closed',
    'a.json',
    '[{"text":"a"},\n{"text":"b"}',
    'a.json:2: the array is never closed: the file is cut off',
  ],
  [
    'text behind an array',
    'a.json',
    '[{"text":"a"}]\n\n[]',
    'a.json:3: text after the end of the array',
  ],
  ['an empty array', 'a.json', '[ ]', 'a.json: the array is empty'],
  ['a comma too many', 'a.json', '[{"text":"a"},\n]', 'a.json:2: not valid JSON at character 1'],
  ['an element that is no object', 'a.json', '[\n"a"]', 'a.json:2: must be a JSON object, got "a"'],
  [
    'an object over several lines',
    'a.json',
    '{\n  "text": "a"\n}\n',
    'a.json:1: not valid JSON at character 2; each line must be one whole object, such as {"text": "...", "label": "..."}',
  ],
  ['a string in JSONL', 'a.jsonl', '"b"\n', 'a.jsonl:1: must be a JSON object, got "b"'],
  [
    'bad JSON',
    'a.jsonl',
    '{"text":"a"}\n{"text":"b",}\n',
    'a.jsonl:2: not valid JSON at character 13',
  ],
  [
    'CSV read as JSON lines',
    'a.jsonl',
    'text,label\na,b\n',
    'a.jsonl:1: not valid JSON at character 11; each line must be one whole object, such as {"text": "...", "label": "..."}',
  ],
  ['cut JSON', 'a.jsonl', '{"text":"a', 'a.jsonl:1: not valid JSON at character 11'],
  [
    'a text that is a number',
    'a.jsonl',
    '{"text":5}\n',
    'a.jsonl:1: column "text" is not a string',
  ],
  [
    'a key that is missing later',
    'a.jsonl',
    '{"text":"a"}\n{"x":1}\n',
    'a.jsonl:2: column "text" is missing',
  ],
  [
    'a label that is an object',
    'a.jsonl',
    '{"text":"a","label":{}}\n',
    'a.jsonl:1: column "label" is not a string or number',
  ],
  [
    'half a surrogate pair',
    'a.jsonl',
    '{"text":"a\\ud83d"}\n',
    'a.jsonl:1: column "text" holds half a surrogate pair',
  ],
  [
    'Latin-1 where UTF-8 was named',
    'a.csv',
    bytes('text\nok\ncaf', 0xe9, ' x\n'),
    'a.csv:3: not valid UTF-8: byte 0xe9 at offset 11',
    { encoding: 'utf8' },
  ],
  [
    'a character cut off at the end',
    'a.csv',
    bytes('text\nab', 0xf0, 0x9f, 0x98),
    'a.csv:2: not valid UTF-8: byte 0xf0 at offset 7; which encoding it has cannot be told: name it with `encoding` ' +
      '(it may be windows-1252)',
  ],
  [
    'a stray continuation byte',
    'a.jsonl',
    bytes(0x80),
    'a.jsonl:1: not valid UTF-8: byte 0x80 at offset 0; which encoding it has cannot be told: name it with `encoding` ' +
      '(it may be gb18030, windows-1252, windows-1251)',
  ],
  [
    'a wrong byte in a file of UTF-8',
    'a.csv',
    bytes('text\nçà et là, ', 0xe9, ' \n'),
    'a.csv:2: not valid UTF-8: byte 0xe9 at offset 18; nearly all of the file is UTF-8: a damaged character?',
  ],
  [
    'a mark that contradicts the encoding',
    'a.csv',
    bytes(0xff, 0xfe, 't', 0, 'e', 0),
    'a.csv: begins with the byte order mark of utf-16le, and `encoding` says gb18030',
    { encoding: 'GBK' },
  ],
  ['UTF-32', 'a.csv', bytes(0xff, 0xfe, 0, 0), 'a.csv: UTF-32 is not read; save the file as UTF-8'],
  [
    'an Excel workbook',
    'a.csv',
    bytes('PK', 3, 4),
    'a.csv: a zip file, as Excel workbooks (.xlsx) are; save the sheet as CSV',
  ],
];

describe('a file is refused for', () => {
  it.each<Case>(cases)('%s', async (...[, name, content, message, options]) => {
    expect((await refusal(name, content, options)).message).toBe(message);
  });
});

describe('details', () => {
  it('repeat the place for programs', async () => {
    const { details } = await refusal('a.csv', 'text,label\nx,\n', { labelColumn: 2 });
    expect(details).toMatchObject({ line: 2, column: 'label' });
    const latin = await refusal('a.csv', bytes('text\n', 0xe9, '\n'));
    expect(latin.details).toMatchObject({ line: 2, byteOffset: 5 });
  });

  it('find wrong bytes far into a file and at the border of chunks', async () => {
    for (const size of [262_143, 262_144, 262_145, 600_000]) {
      const content = bytes('text\n', 'a'.repeat(size - 6), '\n', 0xc3, 0x28, '\n');
      const { details } = await refusal('a.csv', content);
      expect(details).toMatchObject({ byteOffset: size, line: 3 });
    }
  });
});

describe('files that cannot be opened', () => {
  it.each([
    ['nowhere.csv', 'no such file'],
    ['.', 'is a folder, not a file'],
  ])('%s: %s', async (name, what) => {
    const path = `${folder}/${name}`;
    const error = await readAllRows(path, { format: 'csv' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SinterError);
    expect(error).toMatchObject({ code: 'INVALID_DATA', message: `${path}: ${what}` });
  });
});

describe('a row without end', () => {
  it('is cut short by an error, not by memory', async () => {
    const content = `text\n"${'x'.repeat(17 * 1024 * 1024)}`;
    const { message } = await refusal('a.csv', content);
    expect(message).toBe('a.csv:2: a row is longer than 16777216 bytes; is a quote not closed?');
    const line = await refusal('a.jsonl', content.slice(5));
    expect(line.message).toBe('a.jsonl:1: the line is longer than 16777216 characters');
  });
});
