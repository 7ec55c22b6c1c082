// No public call keeps the event loop to itself, however long its text is, nor does a load of a model.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { child } from './child.js';

/** In CPU time of the JavaScript thread. The promise is 20 ms; the rest allows for other work on the same core. */
const LONGEST_TURN_MS = 50;
/**
 * A load has fewer turns than a long text, so other processes lengthen fewer of them; reading a whole tokenizer in one turn
 * takes twice this.
 */
const LONGEST_LOAD_TURN_MS = 40;

/**
 * The promise is 10 ms on a machine that does nothing else, which `node bench/turns/run.mjs` measures. Other work on the same core
 * doubles the CPU time of a turn; work that is not cut into turns takes 40 to 800 ms here. What the code itself does in one turn is
 * in every run, so the best of three counts.
 */
const LONGEST_FIRST_TURN_MS = 30;
const RUNS = 3;

const measured = existsSync('/proc/self/schedstat');

describe('texts of 1 MB', () => {
  it.skipIf(!measured)(
    `leave the event loop free in every call${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async () => {
      const turns = (await child('long-calls.mjs', [])) as Record<string, number>;
      expect(Object.keys(turns).length).toBeGreaterThan(20);
      const slow = Object.entries(turns).filter(([, longest]) => longest > LONGEST_TURN_MS);
      expect(slow).toEqual([]);
    },
    240_000,
  );
});

describe('loads of a model with 30,522 words', () => {
  it.skipIf(!measured)(
    `leave the event loop free${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async () => {
      const folder = await temporaryFolder();
      await mkdir(join(folder, 'onnx'));
      const env = { SINTER_CACHE: join(folder, 'cache') };
      const found = (await child('long-loads.mjs', [folder], env)) as Record<
        string,
        { longest: number; cached?: boolean }
      >;
      const models = Object.entries(found).filter(([name]) => name.startsWith('onnx model'));
      expect(models.map(([, { cached }]) => cached)).toEqual([false, true]);
      const slow = Object.entries(found).filter(
        ([, { longest }]) => longest > LONGEST_LOAD_TURN_MS,
      );
      expect(slow).toEqual([]);
    },
    240_000,
  );
});

const ACTIONS = [
  ...['load', 'load a classifier', 'load int8', 'embed', 'classifier', 'train', 'dispose'],
  ...['quantize', 'quantize, not equalized', 'save f32', 'save f16', 'save held', 'save int8'],
  ...['f32', 'f16', 'int8', 'int8-static', 'int8-weights', 'int4-weights', 'folder'].map(
    (form) => `export ${form}`,
  ),
];
const BGE = fileURLToPath(
  new URL('../../../shared/models/bge-small-zh-v1.5-q/model.onnx', import.meta.url),
);
const CHINESE = ['save Chinese', 'load Chinese'];

describe('the first of its kind in a process, with MiniLM, lets the event loop turn', () => {
  const shortest = async (action: string): Promise<number> => {
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS && best > LONGEST_FIRST_TURN_MS; run++) {
      const folder = await temporaryFolder();
      const env = { SINTER_CACHE: join(folder, 'cache') };
      const { longest } = (await child('long-turns.mjs', [action, folder], env)) as {
        longest: number;
      };
      best = Math.min(best, longest);
    }
    return best;
  };

  it.skipIf(!measured).each(ACTIONS)(
    `%s${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async (action) => {
      expect(await shortest(action)).toBeLessThanOrEqual(LONGEST_FIRST_TURN_MS);
    },
    120_000,
  );

  const there = measured && existsSync(BGE);
  it.skipIf(!there).each(CHINESE)(
    `%s${there ? '' : ' (skipped: needs ../shared/models/bge-small-zh-v1.5-q and /proc/self/schedstat)'}`,
    async (action) => {
      expect(await shortest(action)).toBeLessThanOrEqual(LONGEST_FIRST_TURN_MS);
    },
    120_000,
  );
});
