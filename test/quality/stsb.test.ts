/**
 * STS benchmark, English test set: Spearman correlation of cosine similarities with human scores, in f32 and int8.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Matrix } from '../../lib/core/matrix.js';
import { spearman } from '../../lib/metrics/index.js';
import { Encoder } from '../../lib/models/encoder.js';

/** Measured with PyTorch, f32. */
const EXPECTED = 82.03;

const shared = (path: string) => fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));
const data = shared('data/stsb/stsb-en-test.csv');
const published = shared('models/all-MiniLM-L6-v2');
const missing = !existsSync(data) || !existsSync(published);

/** Vectors have length 1, so a dot product is the cosine. */
function cosines(a: Matrix, b: Matrix): number[] {
  return Array.from({ length: a.rows }, (_, i) => {
    const other = b.row(i);
    return a.row(i).reduce((sum, value, j) => sum + value * (other[j] ?? 0), 0);
  });
}

async function score(encoder: Encoder): Promise<number> {
  const rows = parse(readFileSync(data, 'utf8')) as [string, string, string][];
  const a = await encoder.embed(rows.map(([text]) => text));
  const b = await encoder.embed(rows.map(([, text]) => text));
  const human = rows.map(([, , points]) => Number(points));
  return 100 * spearman(cosines(a, b), human);
}

describe('STS benchmark', () => {
  it.skipIf(missing)(
    'f32 as PyTorch, the embedded f16 weights the same, int8 at most 0.3 points less (needs ../shared)',
    async () => {
      const f32 = await Encoder.load(published);
      const embedded = await Encoder.load();
      const int8 = await embedded.quantize();
      const scores = {
        f32: await score(f32),
        embedded: await score(embedded),
        int8: await score(int8),
      };
      expect(Math.abs(scores.f32 - EXPECTED), JSON.stringify(scores)).toBeLessThan(0.05);
      expect(Math.abs(scores.embedded - EXPECTED), JSON.stringify(scores)).toBeLessThan(0.05);
      expect(scores.embedded - scores.int8, JSON.stringify(scores)).toBeLessThan(0.3);
      for (const encoder of [f32, embedded, int8]) await encoder.dispose();
    },
    120_000,
  );
});
