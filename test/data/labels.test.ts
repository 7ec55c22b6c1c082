/**
 * Labels are the exact texts of the file; what a reader may take for one label is reported, with counts and lines.
 *
 * The rule: nothing here merges or splits a class without a word.
 */
import { describe, expect, it } from 'vitest';
import {
  checkLabels,
  collectLabels,
  describeVariants,
  type LabelVariants,
  labelVariants,
  type ReadOptions,
  readAllRows,
  readLabelListRows,
  writeRows,
} from '../../lib/data/index.js';
import { fileWith, folder, refusal, useFolder } from './folder.js';

useFolder();

let files = 0;

async function labelsOf(lines: readonly string[], options: ReadOptions = {}) {
  const file = fileWith(`labels-${files++}.jsonl`, lines.join('\n'));
  const found: LabelVariants[] = [];
  const rows = await readAllRows(file, {
    onLabelVariants: (variants) => found.push(variants),
    requireLabel: true,
    ...options,
  });
  return { labels: rows.map(({ label }) => label), found, file };
}

const jsonRow = (label: string) => `{"text":"t","label":${label}}`;

describe('numbers and booleans of JSON', () => {
  it.each([
    ['9007199254740993'],
    ['9007199254740992'],
    ['-9007199254740993'],
    ['123456789012345678901234567890'],
    ['1.0'],
    ['1e3'],
    ['1E+400'],
    ['0.1000000000000000055511151231257827'],
    ['-0'],
    ['5e-324'],
    ['true'],
    ['false'],
  ])('%s is the label as it is written', async (literal) => {
    expect((await labelsOf([jsonRow(literal)])).labels).toEqual([literal]);
    expect((await labelsOf([jsonRow(JSON.stringify(literal))])).labels).toEqual([literal]);
  });

  it('keeps neighbours beyond 2^53 apart', async () => {
    const { labels, found } = await labelsOf(['9007199254740992', '9007199254740993'].map(jsonRow));
    expect(labels).toEqual(['9007199254740992', '9007199254740993']);
    expect(found).toEqual([]);
  });

  it('finds the number among other fields, texts that look like it, and odd spaces', async () => {
    const line = String.raw`{ "x" : "\"label\": 7, {", "n": [1, {"label": 8}], "label"  :  9007199254740993 , "text":"a}" }`;
    expect((await labelsOf([line])).labels).toEqual(['9007199254740993']);
    const escaped = String.raw`{"text":"t","\u006cabel":10000000000000000001}`;
    expect((await labelsOf([escaped])).labels).toEqual(['10000000000000000001']);
  });

  it.each([
    ['1', '"1"', 'a number in line 1 and as a text in line 2'],
    ['"1"', '1', 'a text in line 1 and as a number in line 2'],
    ['true', '"true"', 'a boolean in line 1 and as a text in line 2'],
    ['"false"', 'false', 'a text in line 1 and as a boolean in line 2'],
    ['9007199254740993', '"9007199254740993"', 'a number in line 1 and as a text in line 2'],
  ])('%s and %s in one file are refused', async (a, b, what) => {
    const { message, details } = await refusal('mixed.jsonl', [a, b].map(jsonRow).join('\n'));
    const label = a.replaceAll('"', '');
    expect(message).toBe(
      `mixed.jsonl:2: column "label" gives the label "${label}" as ${what}; write it one way`,
    );
    expect(details).toMatchObject({ line: 2, column: 'label' });
  });

  it('of two kinds that are never one label are fine', async () => {
    expect((await labelsOf(['1', '"other"', 'true'].map(jsonRow))).labels).toEqual([
      '1',
      'other',
      'true',
    ]);
  });

  it('that are numbers, not classes, may be written in any way', async () => {
    const lines = ['1', '"1"', '1.0', '1e0'].map(jsonRow);
    const { labels, found } = await labelsOf(lines, { labels: 'numbers' });
    expect([labels.map(Number), found]).toEqual([[1, 1, 1, 1], []]);
    for (const bad of ['"0x10"', '"1,5"', 'true', '"Infinity"', '"NaN"', '1e999', '"1_0"']) {
      const { message } = await refusal('n.jsonl', jsonRow(bad), { labels: 'numbers' });
      expect(message).toBe('n.jsonl:1: the label is not a number');
    }
  });
});

describe('a key that is given twice', () => {
  it('is refused: two readers might take different labels', async () => {
    const line = '{"text":"t","label":"a","label":"b"}';
    expect((await refusal('twice.jsonl', line)).message).toBe(
      'twice.jsonl:1: key "label" is given twice',
    );
  });
});

const NFC = 'caf\u00e9';
const NFD = 'cafe\u0301';

describe('variants of one label', () => {
  it.each([
    ['case', ['true', 'True', 'TRUE']],
    ['two encodings of an accent', [NFC, NFD]],
    ['Hangul as syllables and as letters', ['\ud55c', '\u1112\u1161\u11ab']],
    ['full width', ['spam', '\uff53\uff50\uff41\uff4d']],
    ['half width', ['\u30ab', '\uff76']],
    ['a space at the end', ['spam', 'spam ']],
    ['a space at the beginning', ['spam', ' spam']],
    ['a no-break space inside', ['not spam', 'not\u00a0spam']],
    ['two spaces inside', ['not spam', 'not  spam']],
    ['a tab at the end', ['spam', 'spam\t']],
    ['a zero-width space', ['spam', 'sp\u200bam']],
    ['a byte order mark', ['spam', '\ufeffspam']],
    ['a soft hyphen', ['spam', 'sp\u00adam']],
    ['a mark of direction', ['spam', 'spam\u200e']],
    ['a control character', ['spam', 'spam\u0001']],
    ['another dash', ['sci-fi', 'sci\u2011fi']],
    ['another apostrophe', ["don't", 'don\u2019t']],
    ['sharp s', ['stra\u00dfe', 'STRASSE']],
    ['a ligature', ['of\ufb01ce', 'office']],
    ['a number with a point', ['1', '1.0', '1.00']],
    ['a number with leading zeros', ['7', '007']],
    ['a number with an exponent', ['1000', '1e3', '10E2']],
    ['a big number', ['9007199254740993', '9007199254740993.0']],
  ])('%s', async (_, spellings) => {
    const lines = [...spellings, spellings[0] ?? '', 'other'].map((s) =>
      jsonRow(JSON.stringify(s)),
    );
    const { labels, found, file } = await labelsOf(lines);
    expect(new Set(labels).size).toBe(spellings.length + 1);
    const [first = '', ...rest] = spellings;
    expect(found).toEqual([
      {
        file,
        spellings: [
          { label: first, count: 2, lines: [1, spellings.length + 1] },
          ...rest.map((label, i) => ({ label, count: 1, lines: [i + 2] })),
        ],
      },
    ]);
  });

  it.each([
    ['numbers beyond 2^53', ['9007199254740992', '9007199254740993']],
    ['signs', ['1', '-1']],
    ['words', ['spam', 'spams']],
    ['accents', ['cafe', NFC]],
    ['emoji', ['👩‍👩‍👧', '👩', '❤️']],
    ['tags', ['O', 'B-PER', 'I-PER']],
  ])('are not: %s', async (_, labels) => {
    expect((await labelsOf(labels.map((s) => jsonRow(JSON.stringify(s))))).found).toEqual([]);
  });

  it('of CSV are found as well, spaces around a label included', async () => {
    const csv = `text,label\r\na,spam\r\nb,"spam "\r\nc, spam\r\nd,${NFD}\r\ne,${NFC}\r\n`;
    const found: LabelVariants[] = [];
    const file = fileWith('variants.csv', csv);
    const rows = await readAllRows(file, { onLabelVariants: (one) => found.push(one) });
    expect(collectLabels(rows)).toEqual([' spam', NFD, NFC, 'spam', 'spam ']);
    expect(found.map((one) => describeVariants(one).replace(`${folder}/`, ''))).toEqual([
      'variants.csv: labels that differ in spelling only count as different ones: "spam" (1 time, line 2), ' +
        '"spam " (1 time, line 3), " spam" (1 time, line 4)',
      'variants.csv: labels that differ in spelling only count as different ones: ' +
        '"cafe\\u0301" (1 time, line 5), "caf\\u00e9" (1 time, line 6)',
    ]);
  });

  it('name a label with spaces around it that has no other spelling', async () => {
    const { found, file } = await labelsOf(['"a"', '" b"', '" b"'].map(jsonRow));
    expect(found.map(describeVariants)).toEqual([
      `${file}: the label " b" (2 times, lines 2, 3) has spaces around it, or characters that cannot be seen`,
    ]);
  });

  it('say how often and where first', async () => {
    const lines = [...Array(5).fill('"True"'), '"TRUE"'].map(jsonRow);
    const { found } = await labelsOf(lines);
    expect(describeVariants(found[0] as LabelVariants)).toContain(
      '"True" (5 times, lines 1, 2, 3 ...), "TRUE" (1 time, line 6)',
    );
  });

  it('of rows in memory whose label is no text are refused', () => {
    const rows = [
      { text: 't', label: '1' },
      { text: 't', label: 1 },
    ] as never;
    expect(() => labelVariants(rows)).toThrow('rows[1].label must be a string, got 1');
  });

  it('of rows in memory', () => {
    const rows = ['spam', 'Spam', 'ham', 'Spam'].map((label) => ({ text: 't', label }));
    expect(labelVariants(rows)).toEqual([
      {
        spellings: [
          { label: 'Spam', count: 2, lines: [1, 3] },
          { label: 'spam', count: 1, lines: [0] },
        ],
      },
    ]);
  });
});

describe('labels that only the test rows have', () => {
  it('name the training label that they are another spelling of', () => {
    const test = [{ text: 't', label: 'spam ', file: 'test.csv', line: 7 }];
    expect(() => checkLabels(['spam', 'ham'], test)).toThrow(
      'test.csv:7: labels that the training rows do not have: "spam " (line 7; they have "spam")',
    );
    const accents = [{ text: 't', label: NFD }];
    expect(() => checkLabels([NFC], accents)).toThrow(
      String.raw`"cafe\u0301" (they have "caf\u00e9")`,
    );
  });
});

describe('lists of labels', () => {
  const lists = async (lines: readonly string[]) => {
    const file = fileWith(`lists-${files++}.jsonl`, lines.join('\n'));
    const found: LabelVariants[] = [];
    const rows: unknown[] = [];
    const onLabelVariants = (one: LabelVariants) => found.push(one);
    for await (const { labels } of readLabelListRows(file, { onLabelVariants })) {
      rows.push(labels);
    }
    return { rows, found, file };
  };

  it('are exact, and their variants are found', async () => {
    const { rows, found, file } = await lists([
      '{"text":"a","labels":[9007199254740993, 1e3,true, "x,[\\"y"]}',
      '{"text":"b","labels":[]}',
      '{"text":"c","labels":["True"]}',
    ]);
    expect(rows).toEqual([['9007199254740993', '1e3', 'true', 'x,["y'], [], ['True']]);
    expect(found).toEqual([
      {
        file,
        spellings: [
          { label: 'true', count: 1, lines: [1] },
          { label: 'True', count: 1, lines: [3] },
        ],
      },
    ]);
  });

  it.each([
    [
      '{"text":"t","labels":[1,"1"]}',
      'gives the label "1" as a number in line 1 and as a text in line 1',
    ],
    ['{"text":"t","labels":["a",null]}', 'column "labels[1]" is missing'],
    ['{"text":"t","labels":[" "]}', 'column "labels[0]" is empty'],
    ['{"text":"t","labels":[["a"]]}', 'column "labels[0]" is not a string or number'],
    ['{"text":"t","labels":["\\ud83d"]}', 'column "labels[0]" holds half a surrogate pair'],
  ])('%s is refused', async (line, message) => {
    await expect(lists([line])).rejects.toThrow(message);
  });
});

describe('labels with odd characters', () => {
  it.each(['csv', 'jsonl'])('come back equal from a .%s file', async (ending) => {
    const labels = ['\u001b[31mred', 'a\nb', ' x', 'y ', '=1+1', '\u202eabc', 'q"q', ',', '\u0085'];
    const path = fileWith(`odd.${ending}`, '');
    await writeRows(
      path,
      labels.map((label) => ({ text: 't', label })),
    );
    expect((await readAllRows(path)).map(({ label }) => label)).toEqual(labels);
  });
});
