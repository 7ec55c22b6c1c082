// Mistakes in files and settings of a training: each names where it is, and what was there before stays.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const line = (i: number) => `the ${i % 2 ? 'people' : 'states'} ${i},${i % 2 ? 'a' : 'b'}\n`;
const ROWS = `text,label\n${Array.from({ length: 24 }, (_, i) => line(i)).join('')}`;

interface Run {
  readonly rows?: string | Uint8Array;
  readonly name?: string;
  readonly flags?: readonly string[];
}

/** Trains into a folder that holds an older model, which has to stay where the training fails. */
async function train({ rows = ROWS, name = 'rows.csv', flags = [] }: Run) {
  const file = scratch.path(name);
  await writeFile(file, rows);
  const out = scratch.path('model');
  const base = ['train', '--train', file, '--model', TINY, '--out', out, '--overwrite'];
  return { ...(await sinter([...base, '--quiet', '--epochs', '2', ...flags])), out, file };
}

const parquet = async () => (await readFile(fixture('data/banking.parquet'))).subarray(0, 900);

describe('a training that cannot be done', () => {
  it.each<[string, () => Promise<Run> | Run, number, RegExp]>([
    [
      'a label that only the held-out rows have',
      async () => ({ flags: ['--eval', await scratch.file('other.csv', 'text,label\nx,c\n')] }),
      3,
      /other\.csv.*"c"/,
    ],
    [
      'a row without a text',
      () => ({ rows: 'text,label\nthe people,a\n,b\n' }),
      3,
      /rows\.csv:3: column "text" is empty/,
    ],
    [
      'a row that lacks the text',
      () => ({ rows: '{"text":"a","label":"a"}\n{"label":"b"}\n', name: 'rows.jsonl' }),
      3,
      /rows\.jsonl:2: column "text" is missing/,
    ],
    [
      'one class only',
      () => ({ rows: 'text,label\nthe people,a\nthe states,a\n' }),
      3,
      /holds one class only, "a"/,
    ],
    [
      'a Parquet file that is cut',
      async () => ({ rows: await parquet(), name: 'cut.parquet' }),
      3,
      /cut\.parquet: a Parquet file that is cut off/,
    ],
    [
      'a rate at which it diverges',
      () => ({ flags: ['--learning-rate', '1e36', '--max-grad-norm', '0', '--batch-size', '4'] }),
      3,
      /the training diverged/,
    ],
    [
      'a checkpoint folder of no training',
      async () => ({ flags: ['--save-to', await scratch.file('file', ''), '--resume'] }),
      2,
      /file: exists already \(EEXIST\)/,
    ],
  ])('%s', async (_, make, code, message) => {
    const done = await train({});
    expect(done.code).toBe(0);
    const before = await readFile(`${done.out}/model.safetensors`);
    const outcome = await train(await make());
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(await readFile(`${done.out}/model.safetensors`)).toEqual(before);
  });

  it('goes on from no checkpoint of another model, rows or options', async () => {
    const folder = scratch.path('checkpoints');
    const saving = ['--save-to', folder];
    expect((await train({ flags: saving })).code).toBe(0);
    const names = await readdir(folder);
    for (const [run, message] of [
      [{ flags: [...saving, '--resume', '--seed', '7'] }, /another|seed was 42, not 7/],
      [{ flags: [...saving, '--resume'], rows: `${ROWS}one more,a\n` }, /other rows/],
      [{ flags: saving }, /holds checkpoints of a training; resume it/],
    ] as const) {
      const { code, stderr } = await train(run);
      expect(stderr).toMatch(message);
      expect(code).toBe(3);
      expect(await readdir(folder)).toEqual(names);
    }
  });

  it('keeps a class of one row among the rows to train on', async () => {
    const rows = `${ROWS}the only one,c\n`;
    const { code, out } = await train({ rows, flags: ['--hold-out', '0.5', '--new-head'] });
    expect(code).toBe(0);
    const { labels, evaluations } = JSON.parse(await readFile(`${out}/training.json`, 'utf8'));
    expect(labels).toEqual(['a', 'b', 'c']);
    expect(Number.isFinite(evaluations.at(-1).scores.loss)).toBe(true);
  });

  it('an adapter of another base is not merged', async () => {
    const made = await train({ flags: ['--method', 'lora', '--adapter'] });
    expect(made.code).toBe(0);
    const out = scratch.path('merged');
    const other = fixture('encoders/distilbert-seqcls');
    const flags = ['--model', other, '--adapter', `${made.out}/adapter`, '--out', out];
    const { code, stderr } = await sinter(['convert', ...flags]);
    expect(stderr).toMatch(/adapter/);
    expect(code).toBe(4);
    await expect(readdir(out)).rejects.toThrow(/ENOENT/);
  });
});
