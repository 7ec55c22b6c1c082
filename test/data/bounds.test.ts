/**
 * Data files that are too much, or no files at all: done in linear time or refused by name, and never waited for.
 */
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { textSource } from '../../lib/cli/text-source.js';
import { readAllRows, readRows } from '../../lib/data/index.js';
import { fileWith, folder, refusal, useFolder } from './folder.js';

useFolder();

/** Seconds of this process, whatever else the machine does. */
async function cpuSeconds(work: () => Promise<unknown>): Promise<number> {
  const begin = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1e6;
}

const textsOf = async (input: string) => {
  const texts: unknown[] = [];
  const source = textSource({ texts: [], input, read: {}, onColumns: () => {} });
  for await (const text of source.open()) texts.push(text);
  return texts;
};

describe('wide files', () => {
  const wide = (columns: number, rows: number) => {
    const names = Array.from({ length: columns - 2 }, (_, i) => `c${i}`);
    const row = `x,y,${names.map(() => '1').join(',')}`;
    return `text,label,${names.join(',')}\n${`${row}\n`.repeat(rows)}`;
  };

  it('of 100,000 columns are read in linear time', async () => {
    const path = fileWith('wide.csv', wide(100_000, 3));
    const seconds = await cpuSeconds(async () => expect(await readAllRows(path)).toHaveLength(3));
    // Comparing every name with all others took 30 s.
    expect(seconds).toBeLessThan(8);
  });

  it('beyond that are refused with the limit', async () => {
    expect((await refusal('wider.csv', wide(100_001, 1))).message).toBe(
      'wider.csv:1: must have at most 100000 columns, got 100001',
    );
  });
});

it('a field of line breaks costs linear time, and the next row knows its line', async () => {
  const path = fileWith('breaks.csv', `text,label\n"x${'\n'.repeat(2_000_000)}y",a\n\nz,b\n`);
  const seconds = await cpuSeconds(async () => {
    const rows = await readAllRows(path);
    expect(rows.map(({ line }) => line)).toEqual([2, 2_000_004]);
  });
  expect(seconds).toBeLessThan(8);
});

it('a quote that is never closed names the line where its row began', async () => {
  const { message } = await refusal('open.csv', `text\nx\n"a${'b\n'.repeat(9_000_000)}`);
  expect(message).toBe('open.csv:3: a row is longer than 16777216 bytes; is a quote not closed?');
});

describe('texts one a line', () => {
  it('are read with any line end, empty ones too', async () => {
    const path = fileWith('lines.txt', '\uFEFFone\r\n\r\ntwo\rthree\n');
    expect(await textsOf(path)).toEqual(['one', '', 'two', 'three']);
    expect(await textsOf(fileWith('open.txt', 'a\nb'))).toEqual(['a', 'b']);
    expect(await textsOf(fileWith('none.txt', ''))).toEqual([]);
  });

  it('are refused where one has no end', async () => {
    const path = fileWith('endless.txt', `short\n${'word '.repeat(3_400_000)}`);
    const seconds = await cpuSeconds(() =>
      expect(textsOf(path)).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: `${path}:2: the line is longer than 16777216 characters`,
      }),
    );
    expect(seconds).toBeLessThan(5);
  });

  it('name the place of a wrong byte', async () => {
    const path = fileWith('latin.txt', Buffer.from([0x61, 0x0a, 0xe9, 0x0a]));
    await expect(textsOf(path)).rejects.toThrow(`${path}:2: not valid UTF-8: byte 0xe9`);
  });
});

describe('JSON lines', () => {
  it('with more values than any row has are refused before they are parsed', async () => {
    const { message } = await refusal(
      'many.jsonl',
      `{"text":"a","x":[${'[],'.repeat(1_100_000)}0]}`,
    );
    expect(message).toBe('many.jsonl:1: must have at most 1000000 values');
    const deep = await refusal('deep.jsonl', `{"text":"a","x":${'['.repeat(1_100_000)}`);
    expect(deep.message).toBe(
      'deep.jsonl:1: must have at most 64 lists and objects inside each other',
    );
  });
});

describe.skipIf(process.platform === 'win32')('what is no regular file (not on Windows)', () => {
  const path = (name: string) => join(folder, name);

  it('is refused at once', async () => {
    for (const name of ['pipe.csv', 'pipe.jsonl', 'pipe.txt']) {
      execFileSync('mkfifo', [path(name)]);
      const read = name.endsWith('.txt') ? textsOf(path(name)) : readAllRows(path(name));
      await expect(read).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: `${path(name)}: not a regular file`,
      });
    }
    symlinkSync('/dev/zero', path('device.csv'));
    await expect(readAllRows(path('device.csv'))).rejects.toThrow('not a regular file');
    symlinkSync('loop.csv', path('loop.csv'));
    await expect(readAllRows(path('loop.csv'))).rejects.toThrow('a link that leads to itself');
    await expect(textsOf(`${path('lines.txt')}/x.txt`)).rejects.toThrow('no such file');
  });
});

it('reading ends with CANCELLED when its signal is aborted', async () => {
  const file = fileWith('long.jsonl', '{"text":"some words here"}\n'.repeat(100_000));
  const abort = new AbortController();
  let rows = 0;
  const read = async () => {
    for await (const _ of readRows(file, { signal: abort.signal }))
      if (++rows === 10) abort.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(rows).toBeLessThan(50_000);
});
