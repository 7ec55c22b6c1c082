/**
 * sinter.json as a file of strangers, and cuts that cannot be made.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ModelCut } from '../../lib/compress/cut-model.js';
import { SinterError } from '../../lib/core/errors.js';
import type { JsonObject } from '../../lib/core/json.js';
import { Encoder } from '../../lib/models/encoder.js';
import { cutFolder } from './cut-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

describe('cuts', () => {
  it.each<[string, ModelCut, RegExp]>([
    [
      'a layer that is not there',
      { heads: new Map([[3, [0]]]) },
      /layers must be from 0 to 2, got 3/,
    ],
    [
      'a head that is not there',
      { heads: new Map([[0, [4]]]) },
      /heads of layer 0 must be from 0 to 3, got 4/,
    ],
    ['all heads', { heads: new Map([[0, [0, 1, 2, 3]]]) }, /at least one must be left of 4/],
    [
      'half a neuron',
      { neurons: new Map([[0, [0.5]]]) },
      /neurons of layer 0 must be from 0 to 31, got 0.5/,
    ],
    ['all layers', { layers: [0, 1, 2] }, /at least one must be left of 3/],
    ['a negative layer', { layers: [-1] }, /layers must be from 0 to 2, got -1/],
  ])('of %s are refused', async (_, cut, message) => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    await expect(cutFolder(encoder, cut)).rejects.toThrow(message);
    await expect(cutFolder(encoder, cut)).rejects.toBeInstanceOf(RangeError);
  });
});

describe('sinter.json', () => {
  it('with any byte changed is loaded, or refused with a code and the place', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const folder = await cutFolder(encoder, { heads: new Map([[0, [1]]]) });
    const path = join(folder, 'sinter.json');
    const text = await readFile(path, 'utf8');
    const { SeededRandom } = await import('../../lib/core/random.js');
    const { readHfFolder } = await import('../../lib/formats/hf-folder.js');
    const { graphFromCheckpoint } = await import('../../lib/architectures/index.js');
    const random = new SeededRandom(11);
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      const at = random.below(text.length);
      const put = ['9', '"', '}', 'null', '-1', '1e99', 'x', ''][random.below(8)] ?? '';
      await writeFile(path, text.slice(0, at) + put + text.slice(at + 1 + random.below(4)));
      try {
        const opened = await readHfFolder(folder);
        await opened.close();
        graphFromCheckpoint(opened, { task: 'embedding', pooling: ['mean'] });
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(SinterError);
        expect(['CORRUPT_MODEL', 'UNSUPPORTED_MODEL']).toContain((error as SinterError).code);
        expect((error as SinterError).message).toContain(folder);
      }
    }
    expect(refused).toBeGreaterThan(200);
  });

  it.each<[string, (graph: JsonObject) => void]>([
    [
      'an unknown operation',
      (g) => Object.assign((g.nodes as JsonObject[])[3] as object, { op: 'conv' }),
    ],
    ['a field too many', (g) => Object.assign((g.nodes as JsonObject[])[3] as object, { more: 1 })],
    [
      'a cycle',
      (g) => Object.assign((g.nodes as JsonObject[])[1] as object, { input: 'hidden.3' }),
    ],
    [
      'a huge weight',
      (g) => Object.assign((g.weights as JsonObject[])[0] as object, { shape: [2 ** 50, 32] }),
    ],
    [
      'a weight of no size',
      (g) => Object.assign((g.weights as JsonObject[])[0] as object, { shape: [0, 32] }),
    ],
    [
      'another storage',
      (g) => Object.assign((g.weights as JsonObject[])[0] as object, { dtype: 's8' }),
    ],
    [
      'a name of a megabyte',
      (g) => Object.assign((g.weights as JsonObject[])[0] as object, { name: 'x'.repeat(1 << 20) }),
    ],
    ['an unknown output', (g) => Object.assign(g.outputs as object, { secret: 'hidden.0' })],
    [
      '100,000 nodes',
      (g) =>
        Object.assign(g, {
          nodes: Array.from({ length: 100_000 }, () => (g.nodes as JsonObject[])[1]),
        }),
    ],
    ['another task', (g) => Object.assign(g, { task: 'translation' })],
  ])('with %s is refused', async (_, change) => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const folder = await cutFolder(encoder, { heads: new Map([[0, [1]]]) });
    const path = join(folder, 'sinter.json');
    const file = JSON.parse(await readFile(path, 'utf8')) as { model: JsonObject };
    change(file.model);
    await writeFile(path, JSON.stringify(file));
    const loading = Encoder.load(folder, { pooling: 'mean' });
    await expect(loading).rejects.toMatchObject({
      code: expect.stringMatching(/^(CORRUPT|UNSUPPORTED)_MODEL$/),
    });
    await expect(loading).rejects.toThrow(/cut/);
  });

  it('beside a config.json is refused: they may say different things', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const folder = await cutFolder(encoder, { heads: new Map([[0, [1]]]) });
    await writeFile(join(folder, 'config.json'), '{"model_type":"bert"}');
    await expect(Encoder.load(folder)).rejects.toThrow(/config.json or sinter.json, not both/);
  });
});
