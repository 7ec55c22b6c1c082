/**
 * Whether ONNX Runtime's products of u8 by s8 are exact on this machine.
 *
 * Without VNNI its kernels add two products in 16 bits and saturate: s8 weights then give numbers that are no fault of the
 * file, and tests that compare them have nothing to compare. It is found out by multiplying, not from the processor's name.
 */

import { join } from 'node:path';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import { runOnnx, withFolder } from './support.js';
import { tinyGraph, tinySource } from './tiny.js';

/** A token of 0, 1, 1 ... against a row of ones: activations of 255 times weights of 127. */
async function saturates(): Promise<boolean> {
  const width = 64;
  const graph = tinyGraph({ vocabulary: 1, width, outputs: 1, dtype: 's8' });
  const ones = new Array<number>(width).fill(1);
  const source = tinySource(graph, [0, ...ones.slice(1)], ones);
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    const options = { precision: 'int8', weights: 'int8', outputs: ['hidden'] } as const;
    await writeOnnx(path, graph, source, { ...options, producerVersion: 'test' });
    const results = await runOnnx(path, { input_ids: [[0]], attention_mask: [[1]] });
    const sum = results.last_hidden_state?.data[0] ?? Number.NaN;
    return Math.abs(sum - (width - 1)) > 1e-3;
  });
}

/** ONNX Runtime cannot judge s8 weights here. */
export const S8_SATURATES = await saturates();

/** Why a test of them is skipped, for reports and titles. */
export const S8_NOTE = 'ONNX Runtime saturates u8 x s8 on this machine';
