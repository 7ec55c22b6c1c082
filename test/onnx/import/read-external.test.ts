/**
 * The ONNX reader: external data, in the model's folder and nowhere else.
 */

import { mkdir, open, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../lib/core/errors.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { encodeVarint, WireMessage } from '../../../lib/formats/onnx/wire.js';
import { withFolder } from '../support.js';
import { identity, tensorBytes, y } from './read-support.js';
import { externalTensor, floats, messageBytes, nodeMessage, valueMessage } from './write-model.js';

describe('external data', () => {
  const model = (pairs: Readonly<Record<string, string>>) =>
    tensorBytes(externalTensor('w', [2], pairs));
  const values = Uint8Array.from(new Uint8Array(Float32Array.of(9, 1.5, -2, 9).buffer));

  /** A folder with a model of these pairs, `inside.bin` beside it and `outside.bin` above. */
  async function tried(
    pairs: Readonly<Record<string, string>>,
    prepare: (folder: string) => Promise<void> = async () => {},
  ): Promise<number[] | SinterError> {
    return withFolder(async (root) => {
      const folder = join(root, 'model');
      await mkdir(folder);
      await writeFile(join(root, 'outside.bin'), values);
      await writeFile(join(folder, 'inside.bin'), values);
      await prepare(folder);
      const path = join(folder, 'model.onnx');
      await writeFile(path, await model(pairs));
      try {
        const { graph } = await readOnnxModel(path);
        return Array.from(graph.initializers.get('w')?.read().data as Float32Array);
      } catch (error) {
        if (error instanceof SinterError) return error;
        throw error;
      }
    });
  }

  it('is read at its offset', async () => {
    expect(await tried({ location: 'inside.bin', offset: '4', length: '8' })).toEqual([1.5, -2]);
    expect(await tried({ location: './inside.bin', offset: '8' })).toEqual([-2, 9]);
  });

  it.each([
    ['../outside.bin', 'path'],
    ['sub/../../outside.bin', 'path'],
    ['..\\outside.bin', 'path'],
    ['/etc/passwd', 'path'],
    ['C:\\outside.bin', 'path'],
    ['', 'path'],
    ['inside.bin\0', 'path'],
    ['.', 'path'],
    ['missing.bin', 'data'],
    ['inside.bin/x', 'data'],
  ])('at %j is refused (%s)', async (location, category) => {
    expect(await tried({ location, length: '8' })).toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { category, tensor: 'w' },
    });
  });

  it.each([
    { offset: '12' },
    { offset: '99999999999' },
    { offset: '-4' },
    { offset: '1e1' },
    { length: '4' },
    { length: '16' },
    { offset: '18446744073709551615' },
  ])('with %j is refused', async (pairs) => {
    expect(await tried({ location: 'inside.bin', ...pairs })).toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { category: 'data', tensor: 'w' },
    });
  });

  it('through links: inside yes, outside no, to a folder or a loop no', async () => {
    const link = (target: string) => (folder: string) => symlink(target, join(folder, 'link'));
    const at = { location: 'link', offset: '4' };
    expect(await tried(at, link('inside.bin'))).toEqual([1.5, -2]);
    expect(await tried(at, link('../outside.bin'))).toMatchObject({
      details: { category: 'path' },
    });
    expect(await tried(at, link('.'))).toMatchObject({ details: { category: 'path' } });
    expect(await tried(at, link('link'))).toMatchObject({ details: { category: 'data' } });
    const inner = { location: 'link/outside.bin' };
    expect(await tried(inner, link('..'))).toMatchObject({ details: { category: 'path' } });
  });

  it('beside the file that a linked model points to, as in the Hugging Face cache', async () => {
    await withFolder(async (root) => {
      await mkdir(join(root, 'blobs'));
      await mkdir(join(root, 'snapshots/rev/onnx'), { recursive: true });
      await writeFile(
        join(root, 'blobs/aaa'),
        await model({ location: 'model.onnx_data', offset: '4' }),
      );
      await writeFile(join(root, 'blobs/bbb'), values);
      const path = join(root, 'snapshots/rev/onnx/model.onnx');
      await symlink('../../../blobs/aaa', path);
      await symlink('../../../blobs/bbb', join(root, 'snapshots/rev/onnx/model.onnx_data'));
      const { graph, bytes } = await readOnnxModel(path);
      expect(Array.from(graph.initializers.get('w')?.read().data as Float32Array)).toEqual([
        1.5, -2,
      ]);
      expect(bytes).toBeGreaterThan(values.length);
    });
  });

  it('that changed after reading is refused', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      await writeFile(join(folder, 'w.bin'), values);
      await writeFile(path, await model({ location: 'w.bin' }));
      const { graph } = await readOnnxModel(path);
      await writeFile(join(folder, 'new.bin'), values);
      await utimes(join(folder, 'new.bin'), 1, 1);
      await rename(join(folder, 'new.bin'), join(folder, 'w.bin'));
      expect(() => graph.initializers.get('w')?.read()).toThrow(/has changed/);
    });
  });

  it('lies beyond 2 GiB, and so may tensors inside the file', async () => {
    await withFolder(async (folder) => {
      const far = 5 * 2 ** 29;
      const data = await open(join(folder, 'w.bin'), 'w');
      await data.write(values, 0, values.length, far);
      await data.close();
      const path = join(folder, 'model.onnx');
      await writeFile(path, await model({ location: 'w.bin', offset: String(far + 4) }));
      const outside = (await readOnnxModel(path)).graph.initializers.get('w');
      expect(outside?.read().data).toEqual(Float32Array.of(1.5, -2));

      // A tensor of 2.5 GiB of zeros (a hole in the file), its last number set, and a small one behind it.
      const count = far / 4;
      const head = new WireMessage().int(1, count).int(2, 1).string(8, 'large');
      const hole = new WireMessage().stream(9, far, () => []);
      const small = await messageBytes(
        new WireMessage().message(5, floats('w', [1], [7])).message(1, nodeMessage(identity)),
      );
      const rest = Buffer.concat([
        small,
        await messageBytes(new WireMessage().message(12, valueMessage(y))),
      ]);
      const tensorSize = head.size + hole.size;
      const lengthOf = (value: number) => encodeVarint(value).length;
      const graphSize = 1 + lengthOf(tensorSize) + tensorSize + rest.length;
      const headBytes = Buffer.concat([
        await messageBytes(new WireMessage().int(1, 8)),
        Uint8Array.of((7 << 3) | 2, ...encodeVarint(graphSize)),
        Uint8Array.of((5 << 3) | 2, ...encodeVarint(tensorSize)),
        await messageBytes(head),
        Uint8Array.of((9 << 3) | 2, ...encodeVarint(far)),
      ]);
      const file = await open(path, 'w');
      await file.write(headBytes);
      await file.write(Float32Array.of(3), 0, 4, headBytes.length + far - 4);
      await file.write(rest, 0, rest.length, headBytes.length + far);
      await file.close();
      const { graph, bytes } = await readOnnxModel(path);
      expect(bytes).toBeGreaterThan(far);
      const large = graph.initializers.get('large');
      expect(large?.readRange?.(count - 2, count)).toEqual(Float32Array.of(0, 3));
      expect(graph.initializers.get('w')?.read().data).toEqual(Float32Array.of(7));
    });
  });
});
