/**
 * Shared by the tests of the ONNX reader.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError } from '../../../lib/core/errors.js';
import type { Dtype, OnnxModel } from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { WireMessage } from '../../../lib/formats/onnx/wire.js';
import { withFolder } from '../support.js';
import { DTYPE_NUMBERS, fileBytes, graphMessage, type NodeSpec } from './write-model.js';

export async function read(bytes: Uint8Array): Promise<OnnxModel> {
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, bytes);
    const model = await readOnnxModel(path);
    for (const item of model.graph.initializers.values()) item.read();
    return model;
  });
}

export async function refused(bytes: Uint8Array): Promise<SinterError> {
  return read(bytes).then(
    () => {
      throw new Error('the file was read');
    },
    (error: unknown) => {
      if (error instanceof SinterError) return error;
      throw error;
    },
  );
}

export const identity: NodeSpec = { op: 'Identity', inputs: ['w'], outputs: ['y'] };
export const y = { name: 'y', dtype: 'float32' } as const;
/** A graph that hands out its one initializer. */
export const holding = (initializer: WireMessage) =>
  graphMessage({ nodes: [identity], outputs: [y], tensors: [initializer] });
export const tensorBytes = (initializer: WireMessage) => fileBytes(holding(initializer));

export async function numbersOf(bytes: Uint8Array): Promise<number[]> {
  const model = await read(bytes);
  return Array.from(model.graph.initializers.get('w')?.read().data as ArrayLike<number>);
}

export function headOf(dtype: Dtype, count: number): WireMessage {
  return new WireMessage().int(1, count).int(2, DTYPE_NUMBERS[dtype]).string(8, 'w');
}
