/**
 * Equal bits: alone or in any batch, on any number of lanes, on every instruction set, in f32 and in int8, in inference
 * and in training with dropout.
 */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { native } from '../../lib/native/native.js';
import type { IsaName } from '../../lib/native/program.js';
import { hasLevel, hostLevels, LEVELS } from '../isa-levels.js';
import { child } from './child.js';

interface RowHashes {
  readonly alone: readonly string[];
  readonly batch: readonly string[];
  readonly reversed: readonly string[];
}

interface Hashes {
  readonly isa: IsaName;
  readonly lanes: number;
  readonly f32: RowHashes;
  readonly int8: RowHashes;
  /** int8 with activations of 7 bits. */
  readonly int8With7: RowHashes;
  readonly losses: readonly (readonly [number, number])[];
  readonly trained: string;
  readonly quantized: string;
}

const { host } = native().isa();

const encoders = fileURLToPath(new URL('../fixtures/encoders', import.meta.url));
let folder: string;

beforeAll(async () => {
  // The fixtures have no dropout; a training is only worth comparing with it.
  folder = await mkdtemp(join(tmpdir(), 'sinter-dropout-'));
  await cp(join(encoders, 'bert-seqcls'), folder, { recursive: true });
  const file = join(folder, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  const dropout = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
  await writeFile(file, JSON.stringify({ ...config, ...dropout }));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function hashes(encoder: string, env: Readonly<Record<string, string>>): Promise<Hashes> {
  return (await child('hashes.mjs', [encoder, folder], env)) as Hashes;
}

function withoutPlace({ isa: _, lanes: __, ...rest }: Hashes) {
  return rest;
}

describe('equal bits', () => {
  it('of the embedded model alone, in a batch, in another order, with 1, 2 and 3 lanes', async () => {
    const one = await hashes('-', { SINTER_LANES: '1' });
    expect(one.lanes).toBe(1);
    for (const precision of [one.f32, one.int8, one.int8With7]) {
      expect(precision.batch).toEqual(precision.alone);
      expect(precision.reversed).toEqual(precision.alone);
    }
    expect(one.int8.alone).not.toEqual(one.f32.alone);
    expect(one.int8With7.alone).not.toEqual(one.int8.alone);
    for (const lanes of [2, 3]) {
      const more = await hashes('-', { SINTER_LANES: String(lanes) });
      expect(more.lanes).toBe(lanes);
      expect(withoutPlace(more)).toEqual(withoutPlace(one));
    }
  }, 120_000);

  it.each(hostLevels().filter((level) => level !== host))(
    'at instruction set level %s as at the highest of this machine',
    async (level) => {
      const encoder = join(encoders, 'bert');
      const best = await hashes(encoder, { SINTER_ISA: host });
      const forced = await hashes(encoder, { SINTER_ISA: level });
      expect(forced.isa).toBe(level);
      expect(withoutPlace(forced)).toEqual(withoutPlace(best));
    },
    120_000,
  );

  for (const level of LEVELS.filter((one) => !hasLevel(one))) {
    it.skip(`at level ${level}: this machine does not have it`, () => {});
  }
});
