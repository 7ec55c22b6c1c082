/**
 * Weights that are read where they lie in the file have the bits of those that are read through its graph: every file of the zoo,
 * as int8 and as f32, in blocks of few rows and of many.
 */

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  contentsOfImport,
  type ImportedFolder,
  readOnnxFolder,
} from '../../../lib/checkpoint/onnx/onnx-folder.js';
import { factsOf } from '../../../lib/checkpoint/onnx/onnx-report.js';
import { type StoredContents, StoredTensors } from '../../../lib/checkpoint/onnx/stored-tensors.js';
import {
  readMatrices,
  type StoredMatrices,
  storedMatrices,
  writeMatrices,
} from '../../../lib/checkpoint/onnx/stored-weights.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(join(ONNX_FIXTURES, 'zoo'));

/** The entry that the cache would keep of a file, after a round trip through its text. */
function storedIn({ imported, named, quantized }: ImportedFolder): StoredContents | null {
  const { sources, tables } = contentsOfImport(imported, named);
  const { files, path } = imported.plain.source;
  const matrices = storedMatrices(sources, imported.plain);
  if (matrices === null) return null;
  const sizes = new Map(files.map(({ name, size }, i) => [i === 0 ? '' : name, size]));
  const again = readMatrices(JSON.parse(JSON.stringify(writeMatrices(matrices))), sizes);
  expect(again).toEqual(matrices);
  return {
    sources,
    tables,
    quantized,
    matrices: again as StoredMatrices,
    metadata: factsOf(imported.plain).metadata,
    files: files.map(({ name, stamp }, i) => ({
      name: i === 0 ? '' : name,
      path: i === 0 ? path : join(path, '..', name),
      stamp,
    })),
  };
}

async function bytesIn(tensors: StoredTensors, name: string, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of tensors.readChunks(name, most)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Compares the weights of a file and returns their number; null where the file's weights cannot be read in place. */
async function compared(file: string, widen: boolean): Promise<number | null> {
  const folder = await readOnnxFolder(file, { widen, firstPosition: 0 });
  const stored = storedIn(folder);
  if (stored === null) return null;
  const tensors = new StoredTensors(file, stored);
  expect(tensors.tensors).toEqual(folder.tensors);
  for (const [name, { dtype }] of folder.tensors) {
    const wanted = Buffer.from(folder.readOwned(name));
    expect((await bytesIn(tensors, name, 1 << 20)).equals(wanted), name).toBe(true);
    expect((await bytesIn(tensors, name, 1)).equals(wanted), name).toBe(true);
    if (dtype !== 'F32') continue;
    const floats = await tensors.readFloats(name);
    expect(Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength).equals(wanted)).toBe(
      true,
    );
  }
  await tensors.checkUnchanged();
  await tensors.close();
  return folder.tensors.size;
}

describe('weights where they lie', () => {
  test.each(CASES.map(({ name, model }) => [name, model] as const))(
    'are those of the graph: %s',
    async (name, model) => {
      for (const widen of [false, true]) {
        const count = await compared(model, widen);
        if (count === null) expect(name).toMatch(NOT_AS_THEY_LIE);
        else expect(count).toBeGreaterThan(0);
      }
    },
  );
});

/** Blocks with a scale each, typed instead of raw numbers, and numbers in nodes instead of initializers. */
const NOT_AS_THEY_LIE = /nbits|typed_data|const_nodes/;
