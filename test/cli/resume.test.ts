// `--resume` and Parquet results of `embed` and `predict`: what is refused, what an interrupted run leaves, what comes out.
import { appendFileSync, existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

vi.setConfig({ testTimeout: 180_000 });

const TEXTS = 9000;
const scratch = new Scratch();
const embed = ['embed', '--model', TINY, '--pooling', 'mean'];
let input = '';

beforeAll(async () => {
  const rows = Array.from({ length: TEXTS }, (_, i) => `film ${i},${'good '.repeat(i % 40)}\n`);
  input = await scratch.file('texts.csv', `id,text\n${rows.join('').replaceAll(',\n', ',none\n')}`);
});

/** Ctrl+C as soon as a step is done. */
async function interrupted(out: string) {
  const args = [...embed, '--input', input, '--out', out, '--resume'];
  return sinter(args, {
    onStderr: (text, child) => void (text.includes(' %') && child.kill('SIGINT')),
  });
}

describe('an interrupted run', () => {
  it('keeps its rows, says where, and the same command goes on', async () => {
    const out = scratch.path('vectors.jsonl');
    const first = await interrupted(out);
    expect(first.code).toBe(130);
    expect(first.stderr).toMatch(
      /[48],\d\d\d rows are kept in .*vectors\.jsonl\.partial; the same/,
    );
    const names = await scratch.names();
    expect(names.filter((name) => name.startsWith(basename(out))).sort()).toEqual([
      'vectors.jsonl.journal',
      'vectors.jsonl.partial',
    ]);
    const args = [...embed, '--input', input, '--out', out, '--resume', '--threads', '1'];
    const { rows, resumedFrom } = jsonOf<Record<string, number>>(await sinter([...args, '--json']));
    expect(rows).toBe(TEXTS);
    expect([4096, 8192]).toContain(resumedFrom);
    const plain = scratch.path('plain.jsonl');
    await sinter([...embed, '--input', input, '--out', plain, '--quiet']);
    expect((await readFile(out)).equals(await readFile(plain))).toBe(true);
  });

  it('is refused for another model, input or option, by name', async () => {
    const out = scratch.path('refused.csv');
    expect((await interrupted(out)).code).toBe(130);
    const partial = await readFile(`${out}.partial`);
    const same = ['--input', input, '--out', out, '--resume', '--quiet'];
    const refused = async (args: readonly string[], says: RegExp) => {
      const { code, stderr } = await sinter(args);
      expect(stderr).toMatch(says);
      expect(code).toBe(3);
    };
    await refused(
      [...embed, ...same, '--dimensions', '8'],
      /--dimensions was not given then and is 8 now/,
    );
    await refused(
      [...embed, ...same, '--no-normalize'],
      /--normalize was true then and is false now/,
    );
    await refused([...embed, ...same, '--text-column', 'id'], /--text-column was not given/);
    await refused(['embed', ...same], /(--pooling|model) was ".*" then/);
    await refused(['predict', '--model', TINY, ...same], /command was "embed" then/);
    const other = await scratch.file('other.csv', `${await readFile(input, 'utf8')}1,more\n`);
    const changed = [...embed, ...same.with(1, other)];
    await refused(changed, /input was "\d+ bytes, sha256 \w+" then and is "\d+ bytes/);
    expect((await readFile(`${out}.partial`)).equals(partial)).toBe(true);
    // The name of the input does not count.
    const copy = await scratch.file('copy.csv', await readFile(input));
    expect((await sinter([...embed, ...same.with(1, copy)])).code).toBe(0);
  });

  it('is refused at its end where the input has changed meanwhile', async () => {
    const changing = await scratch.file('changing.csv', await readFile(input));
    const out = scratch.path('changing.npy');
    let isChanged = false;
    const { code, stderr } = await sinter(
      [...embed, '--input', changing, '--out', out, '--resume'],
      {
        onStderr: (text) => {
          if (isChanged || !text.includes(' %')) return;
          isChanged = true;
          appendFileSync(changing, '1,more\n');
        },
      },
    );
    expect([code, stderr]).toEqual([3, expect.stringContaining('changed while it was read')]);
    expect(existsSync(out)).toBe(false);
  });

  it('needs a file on both sides', async () => {
    const cases: [string[], RegExp][] = [
      [['--input', input], /--resume goes on with a file: give --out FILE/],
      [
        ['--input', '-', '--out', scratch.path('x.csv')],
        /reads its input again: give --input FILE/,
      ],
      [['a text', '--out', scratch.path('x.csv')], /reads its input again: give --input FILE/],
      [['--input', input, '--format', 'parquet'], /parquet is binary: give --out FILE/],
    ];
    for (const [args, says] of cases) {
      const { code, stderr } = await sinter([...embed, ...args, '--resume']);
      expect(stderr).toMatch(says);
      expect(code).toBe(2);
    }
  });

  it('a journal that is none, a folder in the way', async () => {
    const out = scratch.path('taken.csv');
    await writeFile(`${out}.journal`, 'notes of mine\n');
    const args = [...embed, '--input', input, '--out', out, '--resume'];
    const { code, stderr } = await sinter(args);
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining('is not the journal of a bulk job'),
    ]);
    expect(await readFile(`${out}.journal`, 'utf8')).toBe('notes of mine\n');
    await mkdir(scratch.path('dir.csv.partial'));
    const second = await sinter([...args.with(-2, scratch.path('dir.csv'))]);
    expect([second.code, second.stderr]).toEqual([2, expect.stringContaining('is a folder')]);
  });
});

describe('Parquet', () => {
  const rowsOf = async (path: string) =>
    parquetReadObjects({ file: await asyncBufferFromFile(path) });

  it('holds the vectors of .npy, bit for bit, and is read as input', async () => {
    const parquet = scratch.path('vectors.parquet');
    const npy = scratch.path('vectors.npy');
    const small = await scratch.file('pairs.csv', 'text,pair\na film,good\n"b, ""c""",ü\n');
    for (const out of [parquet, npy]) {
      expect((await sinter([...embed, '--input', small, '--out', out])).code).toBe(0);
    }
    const rows = await rowsOf(parquet);
    expect(rows.map(({ text, pair }) => [text, pair])).toEqual([
      ['a film', 'good'],
      ['b, "c"', 'ü'],
    ]);
    const data = (await readFile(npy)).subarray(128);
    const numbers = Float32Array.from(rows.flatMap(({ embedding }) => embedding as number[]));
    expect(Buffer.from(numbers.buffer).equals(data)).toBe(true);
    const again = scratch.path('again.parquet');
    expect((await sinter([...embed, '--input', parquet, '--out', again])).code).toBe(0);
    expect(await rowsOf(again)).toEqual(rows);
  });

  it('holds predictions in columns', async () => {
    const out = scratch.path('labels.parquet');
    const predict = ['predict', '--model', TINY, '--top-k', '2', '--all-scores'];
    const texts = ['a film', 'a story'];
    expect((await sinter([...predict, ...texts, '--out', out])).code).toBe(0);
    const [row, ...rest] = await rowsOf(out);
    expect(rest).toHaveLength(1);
    const lines = await sinter([...predict, ...texts]);
    const { label, score, scores, top, truncated } = JSON.parse(lines.stdout.split('\n')[0] ?? '');
    expect(row).toMatchObject({ text: 'a film', label, truncated, label_2: top[1].label });
    expect(row?.score).toBe(Math.fround(score));
    for (const [name, value] of Object.entries<number>(scores)) {
      expect(row?.[`scores.${name}`]).toBe(Math.fround(value));
    }
  });
});
