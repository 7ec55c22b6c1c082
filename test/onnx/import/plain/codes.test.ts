/**
 * No integer of a quantized file is lost: every weight of 4 or 8 bits is found again, code by code, in the plain form.
 */

import { describe, expect, it } from 'vitest';
import type {
  Initializer,
  OnnxModel,
  OnnxNode,
} from '../../../../lib/formats/onnx/import/model.js';
import { toPlain } from '../../../../lib/formats/onnx/import/plain/to-plain.js';
import { readOnnxModel } from '../../../../lib/formats/onnx/import/read-model.js';
import { zooCases } from '../zoo.js';

const INTEGERS = ['int8', 'uint8', 'int4', 'uint4'];

const numberOf = (node: OnnxNode, name: string) => Number(node.attributes.get(name));

/** Codes of an initializer as a matrix [rows, columns], read the way its node reads it. */
function matrixOf(initializer: Initializer, model: OnnxModel): { dims: number[]; codes: number[] } {
  const codes = Array.from(initializer.read().data);
  const reader = model.graph.nodes.find((node) => node.inputs.includes(initializer.name));
  if (reader?.op !== 'MatMulNBits') return { dims: [...initializer.dims], codes };
  const [n, k, bits, block] = ['N', 'K', 'bits', 'block_size'].map((name) =>
    numberOf(reader, name),
  );
  if (n === undefined || k === undefined || bits === undefined || block === undefined)
    throw new Error('attributes');
  const stride = (Math.ceil(k / block) * block * bits) / 8;
  const unpacked: number[] = [];
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < k; column++) {
      const byte = codes[row * stride + Math.floor((column * bits) / 8)] ?? 0;
      unpacked.push(bits === 8 ? byte : column % 2 === 0 ? byte % 16 : Math.floor(byte / 16));
    }
  }
  return { dims: [n, k], codes: unpacked };
}

/** Whether a matrix is kept as it is, transposed, or cut in three blocks of columns (query, key, value). */
function isKept(
  dims: readonly number[],
  codes: readonly number[],
  kept: ReadonlySet<string>,
): boolean {
  const [rows = 1, columns = 1] = dims;
  const pick = (from: number, to: number) =>
    Array.from({ length: rows }, (_, r) =>
      codes.slice(r * columns + from, r * columns + to),
    ).flat();
  const transposed = Array.from({ length: columns }, (_, c) =>
    Array.from({ length: rows }, (_unused, r) => codes[r * columns + c]),
  ).flat();
  const third = columns / 3;
  const thirds = [0, 1, 2].map((i) => `${[rows, third]}:${pick(i * third, (i + 1) * third)}`);
  return (
    kept.has(`${[rows, columns]}:${codes}`) ||
    kept.has(`${[columns, rows]}:${transposed}`) ||
    (Number.isInteger(third) && thirds.every((key) => kept.has(key)))
  );
}

const quantizedCases = zooCases().filter((item) => {
  const text = JSON.stringify(item.quantization ?? null);
  return text !== 'null' && !/float16/.test(text);
});

describe('integers of quantized files', () => {
  it('are found in some files', () => expect(quantizedCases.length).toBeGreaterThan(3));

  it.each(quantizedCases.map((item) => [item.name, item] as const))('%s', async (_, item) => {
    const model = await readOnnxModel(item.model);
    const plain = toPlain(model);
    const kept = new Set<string>();
    for (const [name, weight] of plain.quantized) {
      expect(plain.graph.initializers.get(name)?.dims).toEqual(weight.dims);
      kept.add(`${weight.dims}:${Array.from(weight.readCodes())}`);
    }
    const sources = [...model.graph.initializers.values()].filter(
      ({ dtype, dims, name }) =>
        INTEGERS.includes(dtype) && dims.length >= 2 && !isZeroPoint(name, model),
    );
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      const { dims, codes } = matrixOf(source, model);
      expect(isKept(dims, codes, kept), source.name).toBe(true);
    }
  });
});

/** Whether an initializer is read as zero points, which have two axes in blocks. */
function isZeroPoint(name: string, model: OnnxModel): boolean {
  const reader = model.graph.nodes.find((node) => node.inputs.includes(name));
  const at = reader?.inputs.indexOf(name) ?? 0;
  return (
    (reader?.op === 'MatMulNBits' && at === 3) || (reader?.op === 'DequantizeLinear' && at === 2)
  );
}
