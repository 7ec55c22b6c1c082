// `embed` and `predict` take no more memory for many rows than for few.
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from '../cli/support.js';

const scratch = new Scratch();
const WORDS = 'the people of this nation and of all states have seen many years of peace and war ';

function* lines(rows: number) {
  for (let i = 0; i < rows; i++) yield `${JSON.stringify({ text: `${i} ${WORDS.repeat(6)}` })}\n`;
}

/** The most resident memory of the command in bytes. */
async function peakOf(args: readonly string[]): Promise<number> {
  let peak = 0;
  let timer: NodeJS.Timeout | undefined;
  const outcome = await sinter(args, {
    onStart: ({ pid }) => {
      timer = setInterval(async () => {
        const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
        peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
      }, 20);
    },
  });
  clearInterval(timer);
  expect(outcome.code, outcome.stderr).toBe(0);
  return peak;
}

const [FEW, MANY] = [50_000, 200_000];

describe.skipIf(platform() !== 'linux')('the memory of a bulk job (needs Linux)', () => {
  it.each([
    ['embed', 'parquet', ['--pooling', 'mean']],
    ['predict', 'jsonl', []],
  ])(
    '%s to %s does not grow with the rows',
    { timeout: 600_000 },
    async (command, format, more) => {
      const peaks: number[] = [];
      for (const rows of [FEW, MANY]) {
        const input = scratch.path(`${rows}.jsonl`);
        await pipeline(Readable.from(lines(rows)), createWriteStream(input));
        const out = scratch.path(`${command}-${rows}.${format}`);
        const own = [
          '--model',
          TINY,
          '--max-tokens',
          '8',
          '--input',
          input,
          '--out',
          out,
          '--resume',
        ];
        peaks.push(await peakOf([command, ...own, ...more, '--quiet']));
      }
      const [few = 0, many = 0] = peaks;
      // The further texts alone are 76 MB.
      expect(many - few).toBeLessThan(30e6);
    },
  );
});
