// No public call keeps the event loop to itself, however long its text is, nor does a load of a model.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { child } from './child.js';
import { leastOf, over } from './least-of.js';

/** In CPU time of the JavaScript thread. The promise is 20 ms; the rest allows for other work on the same core. */
const LONGEST_TURN_MS = 50;
/**
 * A load has fewer turns than a long text, so other processes lengthen fewer of them; reading a whole tokenizer in one turn
 * takes twice this.
 */
const LONGEST_LOAD_TURN_MS = 40;

/**
 * The promise is 10 ms on a machine that does nothing else, which `node bench/turns/run.mjs` measures. Other work on the same core
 * doubles the CPU time of a turn; work that is not cut into turns takes 40 to 800 ms here.
 */
const LONGEST_FIRST_TURN_MS = 30;

const measured = existsSync('/proc/self/schedstat');

describe('texts of 1 MB', () => {
  it.skipIf(!measured)(
    `leave the event loop free in every call${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async () => {
      const run = async () => (await child('long-calls.mjs', [])) as Record<string, number>;
      const turns = await leastOf(run, LONGEST_TURN_MS);
      expect(turns.size).toBeGreaterThan(20);
      expect(over(turns, LONGEST_TURN_MS)).toEqual([]);
    },
    600_000,
  );
});

interface Load {
  readonly longest: number;
  readonly cached?: boolean;
}

describe('loads of a model with 30,522 words', () => {
  it.skipIf(!measured)(
    `leave the event loop free${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async () => {
      const run = async () => {
        const folder = await temporaryFolder();
        await mkdir(join(folder, 'onnx'));
        const env = { SINTER_CACHE: join(folder, 'cache') };
        const found = Object.entries(
          (await child('long-loads.mjs', [folder], env)) as Record<string, Load>,
        );
        const models = found.filter(([name]) => name.startsWith('onnx model'));
        expect(models.map(([, { cached }]) => cached)).toEqual([false, true]);
        return Object.fromEntries(found.map(([name, { longest }]) => [name, longest]));
      };
      const turns = await leastOf(run, LONGEST_LOAD_TURN_MS);
      expect(over(turns, LONGEST_LOAD_TURN_MS)).toEqual([]);
    },
    600_000,
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
  const shortest = async (action: string): Promise<number | undefined> => {
    const run = async () => {
      const folder = await temporaryFolder();
      const env = { SINTER_CACHE: join(folder, 'cache') };
      const { longest } = (await child('long-turns.mjs', [action, folder], env)) as Load;
      return { [action]: longest };
    };
    return (await leastOf(run, LONGEST_FIRST_TURN_MS)).get(action);
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
