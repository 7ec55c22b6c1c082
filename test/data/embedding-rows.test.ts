// Rows of several texts from files: columns by their names or as they are named, and each problem with its line.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ReadOptions, readEmbeddingRows } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

async function read(name: string, content: string, options: ReadOptions = {}): Promise<object[]> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  const rows: object[] = [];
  for await (const { file, line, ...row } of readEmbeddingRows(path, options)) {
    expect([file, line > 0]).toEqual([path, true]);
    rows.push(row);
  }
  return rows;
}

describe('columns are known by their names', () => {
  it.each([
    ['anchor,positive\na,b\n', [{ anchor: 'a', positive: 'b' }]],
    ['id,Query,Answer\n1,a,b\n', [{ anchor: 'a', positive: 'b' }]],
    ['anchor,positive,negative\na,b,c\n', [{ anchor: 'a', positive: 'b', negatives: ['c'] }]],
    [
      'anchor,positive,negative_1,negative_2\na,b,c,d\n',
      [{ anchor: 'a', positive: 'b', negatives: ['c', 'd'] }],
    ],
    [
      'anchor,positive,negative,score\na,b,c,2.5\n',
      [{ anchor: 'a', positive: 'b', negatives: ['c'], score: 2.5 }],
    ],
    ['sentence1,sentence2,score\na,b,0.5\n', [{ sentence1: 'a', sentence2: 'b', score: 0.5 }]],
    ['question1,question2,label\na,b,1\n', [{ sentence1: 'a', sentence2: 'b', label: 1 }]],
    ['sentence1,sentence2\na,b\n', [{ anchor: 'a', positive: 'b' }]],
    ['text,label\na,x\n', [{ text: 'a', label: 'x' }]],
  ])('%j', async (content, rows) => {
    expect(await read('rows.csv', content)).toEqual(rows);
  });

  it('in JSON lists of negatives and of scores', async () => {
    const row = { anchor: 'a', positive: 'b', negatives: ['c', 'd'], score: [3, 1, 2] };
    expect(await read('rows.jsonl', JSON.stringify(row))).toEqual([row]);
  });

  it('or as the caller names them', async () => {
    const options = { textColumn: 'x', pairColumn: 'y' };
    expect(await read('rows.csv', 'x,y,z\na,b,3\n', options)).toEqual([
      { anchor: 'a', positive: 'b' },
    ]);
    const scored = { header: false, textColumn: 1, pairColumn: 2, labelColumn: 3 };
    expect(await read('rows.csv', 'a,b,3\n', scored)).toEqual([
      { sentence1: 'a', sentence2: 'b', score: 3 },
    ]);
  });

  it('and told', async () => {
    const seen: unknown[] = [];
    const onColumns = (columns: object) => seen.push(columns);
    await read('rows.csv', 'sentence1,sentence2,score\na,b,1\n', { onColumns });
    expect(seen).toMatchObject([
      {
        text: { name: 'sentence1', guessed: true },
        pair: { name: 'sentence2', guessed: true },
        label: { name: 'score', guessed: true },
      },
    ]);
  });
});

describe('what cannot be read is named', () => {
  it.each([
    ['a,b\nx,y\n', {}, 'which columns are the texts? name them with `textColumn` and `pairColumn`'],
    ['text\nx\n', {}, 'the rows have one text and no label'],
    ['anchor,positive\nx,\n', {}, ':2: column "positive" is empty'],
    ['sentence1,sentence2,score\nx,y,high\n', {}, ':2: the label is not a number'],
    ['sentence1,sentence2,score\nx,y,\n', {}, ':2: column "score" is empty'],
    ['x,y\na,b\n', { textColumn: 'x', pairColumn: 'q' }, 'no pair column "q"'],
  ])('%j', async (content, options, message) => {
    await expect(read('rows.csv', content, options)).rejects.toThrow(message);
  });

  it.each([
    [
      { anchor: 'a', positive: 'b', negatives: ['c', 1] },
      'column "negatives" is not a list of texts',
    ],
    [
      { anchor: 'a', positive: 'b', negatives: ['c'], score: [1, 'x'] },
      'column "score" is not a list of numbers',
    ],
  ])('%j', async (row, message) => {
    await expect(read('rows.jsonl', JSON.stringify(row))).rejects.toThrow(message);
  });
});
