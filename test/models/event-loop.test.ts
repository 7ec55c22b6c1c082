// No public call keeps the event loop to itself, however long its text is, nor does a load of a model.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
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
