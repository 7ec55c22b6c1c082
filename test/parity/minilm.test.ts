/**
 * The real all-MiniLM-L6-v2: against an independent float64 evaluation, and against another engine's published vectors.
 */

import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Matrix } from '../../lib/core/matrix.js';
import { Encoder } from '../../lib/models/encoder.js';

const TOLERANCE = 1e-5;

const shared = fileURLToPath(new URL('../../../shared', import.meta.url));
const published = join(shared, 'models/all-MiniLM-L6-v2');
const snapshots = join(shared, 'data/embedding_golden');
const withoutModel = !existsSync(join(published, 'model.safetensors'));
const withoutSnapshots = withoutModel || !existsSync(snapshots);

const golden = JSON.parse(
  readFileSync(new URL('../fixtures/minilm/golden.json', import.meta.url), 'utf8'),
) as {
  readonly texts: readonly string[];
  readonly f16: readonly (readonly number[])[];
  readonly f32: readonly (readonly number[])[];
};

function difference(ours: Matrix, theirs: readonly (readonly number[])[]): number {
  expect([ours.rows, ours.cols]).toEqual([theirs.length, theirs[0]?.length]);
  return Math.max(...theirs.flat().map((value, i) => Math.abs(value - (ours.data[i] ?? NaN))));
}

/** A YAML list of lists of numbers, as `insta` writes it. */
function readSnapshot(name: string): number[][] {
  const rows: number[][] = [];
  for (const line of readFileSync(join(snapshots, `${name}.snap`), 'utf8').split('\n')) {
    const match = /^(?:- | {2})- (-?\d.*)$/.exec(line);
    if (match === null) continue;
    if (line.startsWith('- ')) rows.push([]);
    rows.at(-1)?.push(Number(match[1]));
  }
  return rows;
}

/** The published model with another activation. Its folder is removed by the caller. */
async function withActivation(activation: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sinter-minilm-'));
  for (const entry of await readdir(published, { withFileTypes: true })) {
    if (entry.name === 'config.json') continue;
    const from = join(published, entry.name);
    if (entry.isDirectory() || entry.name === 'model.safetensors') {
      await symlink(from, join(folder, entry.name));
    } else await copyFile(from, join(folder, entry.name));
  }
  const config = JSON.parse(readFileSync(join(published, 'config.json'), 'utf8')) as object;
  const changed = JSON.stringify({ ...config, hidden_act: activation });
  await writeFile(join(folder, 'config.json'), changed);
  return folder;
}

describe('all-MiniLM-L6-v2', () => {
  it('embedded in the package: within 1e-5 of float64', async () => {
    const encoder = await Encoder.load();
    const ours = await encoder.embed(golden.texts);
    expect(difference(ours, golden.f16)).toBeLessThan(TOLERANCE);
    await encoder.dispose();
  });

  it('embedded in the package: stays close to the published f32 weights', async () => {
    const encoder = await Encoder.load();
    const ours = await encoder.embed(golden.texts);
    expect(difference(ours, golden.f32)).toBeLessThan(1e-3);
    await encoder.dispose();
  });

  it.skipIf(withoutModel)(
    'published f32 weights: within 1e-5 of float64 (needs ../shared/models)',
    async () => {
      const encoder = await Encoder.load(published);
      const ours = await encoder.embed(golden.texts);
      expect(difference(ours, golden.f32)).toBeLessThan(TOLERANCE);
      await encoder.dispose();
    },
  );

  // text-embeddings-inference computed these with GELU's tanh form, whatever config.json says. Its snapshots of one
  // text alone are 1.5e-4 off its own of a batch, so only the latter can be compared at 1e-5.
  it.skipIf(withoutSnapshots)(
    'published f32 weights: within 1e-5 of text-embeddings-inference (needs ../shared/data)',
    async () => {
      const folder = await withActivation('gelu_new');
      const texts = ['What is Deep Learning?', 'Deep Learning is...', 'What is Deep Learning?'];
      try {
        for (const [pooling, name] of [
          ['mean', 'test_bert__bert_batch'],
          ['cls', 'test_bert__bert_batch_pooled'],
        ] as const) {
          const encoder = await Encoder.load(folder, { pooling, normalize: false });
          const ours = await encoder.embed(texts);
          expect(difference(ours, readSnapshot(name)), name).toBeLessThan(TOLERANCE);
          await encoder.dispose();
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
