/**
 * Parquet files with damaged bytes: read or refused with INVALID_DATA, and the process lives.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { readAllRows } from '../../lib/data/index.js';
import { fileWith, useFolder } from './folder.js';

useFolder();

const BANKING = readFileSync(new URL('../fixtures/data/banking.parquet', import.meta.url));

it('a file that is damaged anywhere', async () => {
  const random = new SeededRandom(11);
  let refused = 0;
  for (let round = 0; round < 60; round++) {
    const damaged = Buffer.from(BANKING);
    // Half of them where the counts and sizes are.
    const from = round % 2 === 0 ? 0 : damaged.length - 2000;
    for (let i = 0; i < 1 + (round % 4); i++) {
      damaged[from + random.below(damaged.length - from)] = random.below(256);
    }
    const error: unknown = await readAllRows(fileWith('d.parquet', damaged), {
      onBadRows: 'skip',
    }).then(
      () => null,
      (caught: unknown) => caught,
    );
    if (error === null) continue;
    refused += 1;
    expect(error).toMatchObject({ code: 'INVALID_DATA' });
  }
  expect(refused).toBeGreaterThan(10);
}, 120_000);
