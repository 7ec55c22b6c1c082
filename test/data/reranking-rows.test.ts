// Rows for a cross-encoder from files: the columns decide the form, and each problem has its line.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ReadOptions, readRerankingRows } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

async function read(name: string, content: string, options: ReadOptions = {}): Promise<object[]> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  const rows: object[] = [];
  for await (const { file, line, ...row } of readRerankingRows(path, options)) {
    expect([file, line > 0]).toEqual([path, true]);
    rows.push(row);
  }
  return rows;
}

describe('columns decide the form', () => {
  it.each([
    ['text,pair,score\na,b,0.5\n', [{ text: 'a', pair: 'b', score: 0.5 }]],
    ['sentence1,sentence2,label\na,b,1\n', [{ text: 'a', pair: 'b', score: 1 }]],
    ['query,passage,label\na,b,0\n', [{ text: 'a', pair: 'b', score: 0 }]],
    ['question,answer,label\na,b,0\n', [{ text: 'a', pair: 'b', score: 0 }]],
    ['question,answer\na,b\n', [{ anchor: 'a', positive: 'b' }]],
    ['query,positive,negative\na,b,c\n', [{ anchor: 'a', positive: 'b', negatives: ['c'] }]],
    [
      'query,positive,negative,score\na,b,c,2\n',
      [{ anchor: 'a', positive: 'b', negatives: ['c'], score: 2 }],
    ],
  ])('%j', async (content, rows) => {
    expect(await read('rows.csv', content)).toEqual(rows);
  });

  it('in JSON documents and their labels', async () => {
    const row = { query: 'a', docs: ['b', 'c'], labels: [1, 0] };
    expect(await read('rows.jsonl', JSON.stringify(row))).toEqual([row]);
  });

  it('or the caller names those of pairs', async () => {
    const options = { textColumn: 'x', pairColumn: 'y', labelColumn: 'z' };
    const rows = [{ text: 'a', pair: 'b', score: 3 }];
    expect(await read('rows.csv', 'x,y,z\na,b,3\n', options)).toEqual(rows);
  });
});

describe('problems name their line', () => {
  it.each([
    [
      { query: 'a', docs: ['b'], labels: [1, 0] },
      'must have a number for each document: 1 documents, 2',
    ],
    [{ query: 'a', docs: [], labels: [] }, 'column "docs" must be a list that is not empty'],
    [{ query: 'a', docs: ['b'], labels: ['x'] }, 'column "labels" is not a list of numbers'],
    [{ query: 'a', docs: ['b', ''], labels: [1, 0] }, 'column "docs[1]" is empty'],
    [{ query: '', docs: ['b'], labels: [1] }, 'column "query" is empty'],
    [{ title: 'a', docs: ['b'], labels: [1] }, 'need the columns query and labels'],
    [{ text: 'a', score: 1 }, 'the rows have one text'],
    [{ text: 'a', pair: 'b', score: 'x' }, 'number'],
  ])('%j', async (row, message) => {
    const lines = `${JSON.stringify(row)}\n`;
    await expect(read('rows.jsonl', lines)).rejects.toThrow(message);
    await expect(read('rows.jsonl', lines)).rejects.toMatchObject({ code: 'INVALID_DATA' });
  });
});
