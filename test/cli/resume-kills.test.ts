/**
 * `--resume` after SIGKILL at 20 random moments: the file of the last run has the bytes of an undisturbed one, so no row is lost and
 * none is there twice.
 */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

vi.setConfig({ testTimeout: 600_000 });

const TEXTS = 14_000;
const KILLS = 4;
const random = new SeededRandom(20);
const scratch = new Scratch();
let input = '';
let kills = 0;
let goneOn = 0;

beforeAll(async () => {
  const words = ['the film was', 'a story with', 'this is', 'one of the'];
  const rows = Array.from({ length: TEXTS }, (_, i) => {
    const text = `${words[i % 4]} number ${i}, "${'good '.repeat(i % 5)}"`;
    return `${JSON.stringify({ text })}\n`;
  });
  input = await scratch.file('texts.jsonl', rows.join(''));
});

/** Ends the command after so many milliseconds; whether that was before its own end. */
async function killed(args: readonly string[], ms: number): Promise<boolean> {
  const onStart = (child: { kill(signal: 'SIGKILL'): unknown }) =>
    void setTimeout(() => child.kill('SIGKILL'), ms);
  return (await sinter([...args, '--quiet'], { onStart })).code === null;
}

describe.each([
  ['embed', 'jsonl', ['--pooling', 'mean']],
  ['embed', 'csv', ['--pooling', 'mean', '--bom']],
  ['embed', 'npy', ['--pooling', 'mean']],
  ['embed', 'parquet', ['--pooling', 'mean']],
  ['predict', 'parquet', ['--top-k', '2']],
])('%s to %s', (command, format, more) => {
  it(`is killed ${KILLS} times and ends with the same bytes`, async () => {
    const own = [command, '--model', TINY, '--input', input, ...more];
    const undisturbed = scratch.path(`undisturbed-${command}.${format}`);
    const start = performance.now();
    const plain = await sinter([...own, '--out', undisturbed, '--quiet']);
    expect(plain.code, plain.stderr).toBe(0);
    const wholeMs = performance.now() - start;
    const expected = await readFile(undisturbed);

    const out = scratch.path(`${command}.${format}`);
    const args = [...own, '--out', out, '--resume'];
    for (let own = 0; own < KILLS; ) {
      const ms = wholeMs * (0.1 + (0.8 * random.below(1001)) / 1000);
      if (await killed(args, ms)) {
        own += 1;
        kills += 1;
        continue;
      }
      // It was done before: the bytes are right, and the work begins anew.
      expect((await readFile(out)).equals(expected)).toBe(true);
      await rm(out);
    }
    if (existsSync(out)) await rm(out);
    const last = await sinter([...args, '--json']);
    expect(last.code, last.stderr).toBe(0);
    const { rows, resumedFrom } = jsonOf<{ rows: number; resumedFrom: number }>(last);
    expect(rows).toBe(TEXTS);
    if (resumedFrom > 0) goneOn += 1;
    expect((await readFile(out)).equals(expected)).toBe(true);
    const left = (await scratch.names()).filter((name) => /\.(partial|journal|tmp)$/.test(name));
    expect(left).toEqual([]);
    // So that what is left is this one's.
    await rm(out);
  });
});

it('there were 20 kills, and last runs that went on with rows of earlier ones', () => {
  expect(kills).toBe(20);
  expect(goneOn).toBeGreaterThan(0);
});
