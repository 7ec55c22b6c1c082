/**
 * The other forms that data comes in: JSON arrays, SQuAD's files, CoNLL files, the columns of `datasets`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import {
  allOf,
  type ChosenColumns,
  type ReadOptions,
  readAllRows,
  readColumns,
  readLabelListRows,
  readQuestionRows,
  readWordTagsRows,
} from '../../lib/data/index.js';
import { fileWith, useFolder } from './folder.js';

useFolder();

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/data/${name}`, import.meta.url));

const withoutPlace = <T extends object>(rows: readonly T[]) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([key]) => key !== 'file')));

describe('JSON arrays', () => {
  const read = async (content: string, options: ReadOptions = {}) =>
    withoutPlace(await readAllRows(fileWith('a.json', content), options));

  it('are read element by element, with the line on which each begins', async () => {
    const json =
      '\uFEFF [\n {"text": "a, [b]", "label": 9007199254740993},\n\n {\n"text":"\\"}{",\n"label":"y"}]\n';
    expect(await read(json)).toEqual([
      { text: 'a, [b]', label: '9007199254740993', line: 2 },
      { text: '"}{', label: 'y', line: 4 },
    ]);
  });

  it('may be the value of "data"', async () => {
    const json = '{"version": "1.0", "meta": {"data": [1]}, "data": [{"text": "a"}], "rest": [2]}';
    expect(await read(json)).toEqual([{ text: 'a', line: 1 }]);
  });

  it('are longer than a line may be', async () => {
    const file = fileWith(
      'long.json',
      `[${`{"text":"${'a'.repeat(990)}"},`.repeat(20_000)}{"text":"b"}]`,
    );
    const rows = await readAllRows(file);
    expect([rows.length, rows.at(-1)?.text]).toEqual([20_001, 'b']);
  });

  it('JSON lines in a .json file are still JSON lines', async () => {
    expect(await read('{"text":"a"}\n{"text":"b","data":[1]}\n')).toEqual([
      { text: 'a', line: 1 },
      { text: 'b', line: 2 },
    ]);
  });

  it('give back whatever was written', async () => {
    const row = fc.record({ text: fc.string({ minLength: 1 }), extra: fc.jsonValue() });
    const isText = ({ text }: { text: string }) =>
      text.trim() !== '' && !/\p{Surrogate}/u.test(text);
    await fc.assert(
      fc.asyncProperty(
        fc.array(row.filter(isText), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(undefined, 1, '\t'),
        async (rows, space) => {
          const found = await read(JSON.stringify(rows, null, space));
          expect(found.map(({ text }) => text)).toEqual(rows.map(({ text }) => text));
        },
      ),
      { numRuns: 100 },
    );
  });
});

const CONTEXT = '🐕 Rex lives in Berlin.';
const SQUAD = {
  version: 'v2.0',
  data: [
    {
      title: 'Dogs',
      paragraphs: [
        {
          context: CONTEXT,
          qas: [
            { id: '1', question: 'Where?', answers: [{ text: 'Berlin', answer_start: 15 }] },
            {
              id: '2',
              question: 'Who owns him?',
              is_impossible: true,
              answers: [],
              plausible_answers: [{ text: 'Rex', answer_start: 2 }],
            },
            { id: '3', question: 'Wrong place?', answers: [{ text: 'Berlin', answer_start: 3 }] },
          ],
        },
      ],
    },
  ],
};

describe('questions', () => {
  it('of a SQuAD file have their answers at UTF-16 places', async () => {
    const file = fileWith('squad.json', JSON.stringify(SQUAD, null, 1));
    const rows = await allOf(readQuestionRows(file, { onBadRows: 'skip' }));
    expect(withoutPlace(rows)).toEqual([
      { question: 'Where?', context: CONTEXT, answers: [{ text: 'Berlin', start: 16 }], line: 4 },
      { question: 'Who owns him?', context: CONTEXT, answers: [], line: 4 },
    ]);
    await expect(allOf(readQuestionRows(file))).rejects.toThrow(
      'squad.json:4: column "answers[0]" "Berlin" does not stand at 3 of the context',
    );
  });

  it('may be rows of one object each, with places in UTF-16 units or in code points', async () => {
    const row = { question: 'Where?', context: CONTEXT };
    const lines = [
      { ...row, answers: [{ text: 'Berlin', start: 16 }] },
      { ...row, answers: [{ text: 'Berlin', answer_start: 15 }] },
      { ...row, answers: { text: ['Berlin'], answer_start: [15] } },
    ].map((one) => JSON.stringify(one));
    const rows = await allOf(readQuestionRows(fileWith('q.jsonl', lines.join('\n'))));
    expect(rows.map(({ answers }) => answers)).toEqual(
      Array(3).fill([{ text: 'Berlin', start: 16 }]),
    );
  });

  it.each([
    ['{"question":"a","context":"b"}', 'no column "answers": found "question", "context"'],
    ['{"question":"a","context":"b","answers":"c"}', 'column "answers" must be a list of'],
    ['{"question":"a","context":"b","answers":[{"text":"b"}]}', 'does not say where it begins'],
    ['{"question":"","context":"b","answers":[]}', 'column "question" is empty'],
  ])('%s is refused', async (line, message) => {
    await expect(allOf(readQuestionRows(fileWith('q.jsonl', line)))).rejects.toThrow(message);
  });
});

describe('CoNLL', () => {
  const read = async (content: string, options: ReadOptions = {}) =>
    withoutPlace(await allOf(readWordTagsRows(fileWith('a.conll', content), options)));

  it('has sentences between blank lines; -DOCSTART- and remarks are none of them', async () => {
    const conll =
      '-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n# id 7\n# NN I-NP O\n\n\n';
    expect(await read(conll)).toEqual([
      { words: ['EU', 'rejects'], tags: ['B-ORG', 'O'], line: 3 },
      { words: ['#'], tags: ['O'], line: 7 },
    ]);
  });

  it('takes another column by its number', async () => {
    const conll = 'EU NNP I-NP B-ORG\n';
    expect(await read(conll, { labelColumn: 2 })).toEqual([
      { words: ['EU'], tags: ['NNP'], line: 1 },
    ]);
    await expect(read(conll, { labelColumn: 5 })).rejects.toThrow(
      'a.conll:1: no label column 5: the file has 4 columns and no header',
    );
  });

  it('separates by tabs where the first line has one', async () => {
    expect(await read('New York\tB-LOC\n#\tO\n')).toEqual([
      { words: ['New York', '#'], tags: ['B-LOC', 'O'], line: 1 },
    ]);
  });

  it('names the line of a row that cannot be used, and goes on behind its sentence', async () => {
    const conll = 'a\tO\nb\n\nc\tO\n\n\tO\n\nd\t\n';
    const error = await read(conll).catch((caught: unknown) => caught);
    if (!(error instanceof SinterError)) throw error;
    expect(
      error.message
        .split('\n')
        .slice(1)
        .map((line) => line.replace(/^.*a\.conll/, '')),
    ).toEqual([
      ':2: 2 columns expected, got 1',
      ':6: the word is missing',
      ':8: column "tags[0]" is empty',
    ]);
  });

  it('reads the sentences of WNUT-17', async () => {
    const rows = await allOf(readWordTagsRows(fixture('wnut17.conll')));
    const lines = readFileSync(fixture('wnut17.conll'), 'utf8').split('\n');
    expect(rows).toHaveLength(20);
    for (const { words, tags, line } of rows) {
      const own = lines.slice(line - 1, line - 1 + words.length);
      expect(words.map((word, i) => `${word}\t${tags[i]}`)).toEqual(own);
    }
  });
});

describe('columns of `datasets`', () => {
  const chosen = async (row: object, options: ReadOptions = {}) => {
    const seen: ChosenColumns[] = [];
    const onColumns = (columns: ChosenColumns) => seen.push(columns);
    const [first] = await readAllRows(fileWith('c.jsonl', JSON.stringify(row)), {
      ...options,
      onColumns,
    });
    const { text, pair, label } = seen[0] ?? {};
    return { names: [text?.name, pair?.name, label?.name], row: first };
  };

  it.each([
    [{ idx: 1, sentence1: 'a', sentence2: 'b', label: 1 }, ['sentence1', 'sentence2', 'label']],
    [{ premise: 'a', hypothesis: 'b', label: 1 }, ['premise', 'hypothesis', 'label']],
    [{ label: 1, text_a: 'a' }, ['text_a', undefined, 'label']],
    [{ text: 'a', sentence1: 'b', sentence2: 'c' }, ['text', undefined, undefined]],
  ])('%j', async (row, names) => {
    expect((await chosen(row)).names).toEqual(names);
  });

  it('a score is the label where labels are numbers', async () => {
    const row = { sentence1: 'a', sentence2: 'b', score: 4.5 };
    expect((await chosen(row, { labels: 'numbers' })).row?.label).toBe('4.5');
  });

  it('numbers of classes become their names, and -1 is no label', async () => {
    const lines = ['{"text":"a","label":1}', '{"text":"b","label":-1}', '{"text":"c","label":"0"}'];
    const file = fileWith('n.jsonl', lines.join('\n'));
    const rows = await readAllRows(file, { labelNames: ['bad', 'good'] });
    expect(rows.map(({ label }) => label)).toEqual(['good', undefined, 'bad']);
    const beyond = fileWith('b.jsonl', '{"text":"a","label":2}');
    await expect(readAllRows(beyond, { labelNames: ['bad', 'good'] })).rejects.toThrow(
      'b.jsonl:1: column "label" is not one of the numbers 0 to 1 of its 2 names: "2"',
    );
  });

  it('tokens and ner_tags are words and tags', async () => {
    const file = fileWith(
      't.jsonl',
      '{"tokens":["a","b"],"ner_tags":[0,2]}\n{"tokens":["a"],"ner_tags":[]}',
    );
    const labelNames = ['O', 'B-X', 'I-X'];
    const rows = await allOf(readWordTagsRows(file, { labelNames, onBadRows: 'skip' }));
    expect(withoutPlace(rows)).toEqual([{ words: ['a', 'b'], tags: ['O', 'I-X'], line: 1 }]);
    await expect(allOf(readWordTagsRows(file, { labelNames }))).rejects.toThrow(
      't.jsonl:2: column "ner_tags" must have a tag for each word: 1 words, 0 tags',
    );
  });

  it('a list of labels may have any name', async () => {
    const file = fileWith('l.jsonl', '{"text":"a","topics":["x","y"]}');
    const [row] = await allOf(readLabelListRows(file, { labelColumn: 'topics' }));
    expect(row).toMatchObject({ text: 'a', labels: ['x', 'y'] });
    await expect(allOf(readLabelListRows(file))).rejects.toThrow(
      'which column is the label? name it with `labelColumn`: found "text", "topics"',
    );
  });
});

describe('damaged files', () => {
  /** Every mutation is read, or refused with INVALID_DATA. */
  async function mutate(name: string, content: string, read: (file: string) => Promise<unknown>) {
    const bytes = Buffer.from(content);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        fc.option(fc.nat(bytes.length)),
        async (changes, cut) => {
          const damaged = Buffer.from(bytes.subarray(0, cut ?? bytes.length));
          for (const [at, byte] of changes) if (at < damaged.length) damaged[at] = byte;
          const error: unknown = await read(fileWith(name, damaged)).then(
            () => null,
            (caught: unknown) => caught,
          );
          if (error !== null) expect(error).toMatchObject({ code: 'INVALID_DATA' });
        },
      ),
      { numRuns: 300 },
    );
  }

  it('of every text format are refused by name', async () => {
    const rows = [
      { text: 'one, "two"', label: 'a' },
      { text: 'drei 狗', label: 'b' },
    ];
    const json = JSON.stringify(rows);
    await mutate('m.json', json, (file) => readAllRows(file));
    await mutate('m.json', JSON.stringify(SQUAD), (file) => allOf(readQuestionRows(file)));
    await mutate('m.csv', 'text;label\n"a;b";x\nc 狗;y\n', (file) => readAllRows(file));
    await mutate('m.conll', 'a\tO\nb\tB-X\n\n狗\tO\n', (file) => allOf(readWordTagsRows(file)));
    await mutate('m.json', json, readColumns);
  }, 60_000);
});
