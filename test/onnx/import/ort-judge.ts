/**
 * ONNX Runtime as the judge of single operators and whole files: optimizations off, CPU.
 */

import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import type { OnnxNode, Tensor } from '../../../lib/formats/onnx/import/model.js';
import { isTensor } from '../../../lib/formats/onnx/import/model.js';
import { evaluateNode } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { WireMessage } from '../../../lib/formats/onnx/wire.js';
import { type AttributeSpec, modelBytes, type NodeSpec } from './write-model.js';

const OPTIONS = {
  graphOptimizationLevel: 'disabled',
  logSeverityLevel: 4,
  executionProviders: ['cpu'],
} as const;

export function session(model: Uint8Array | string): Promise<InferenceSession> {
  return typeof model === 'string'
    ? InferenceSession.create(model, OPTIONS)
    : InferenceSession.create(model, OPTIONS);
}

export function toOrt({ dtype, dims, data }: Tensor): OrtTensor {
  if (dtype === 'int64') {
    const values = BigInt64Array.from(data as Float64Array, (value) => BigInt(value));
    return new OrtTensor('int64', values, dims);
  }
  return new OrtTensor(dtype as 'float32', data as Float32Array, dims);
}

export function fromOrt(value: OrtTensor): { dims: readonly number[]; data: number[] } {
  return { dims: value.dims, data: Array.from(value.data as ArrayLike<bigint | number>, Number) };
}

export interface OperatorCase {
  readonly op: string;
  readonly domain?: string;
  readonly opset: number;
  /** null: left out. */
  readonly inputs: readonly (Tensor | null)[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
  /** Dtypes of the outputs. */
  readonly outputs?: readonly Tensor['dtype'][];
  /** Quantized results may differ by one step where the runtime's order of operations tips a half. */
  readonly step?: number;
  readonly tolerance?: number;
}

/** The attributes as the reader gives them. */
function asRead(attributes: Readonly<Record<string, AttributeSpec>>): OnnxNode['attributes'] {
  return new Map(
    Object.entries(attributes).map(([name, value]) => {
      if (value instanceof WireMessage) throw new Error('no tensors here');
      if (typeof value === 'object' && 'float' in value) return [name, Math.fround(value.float)];
      return [name, value as number | string | readonly number[]];
    }),
  );
}

/** Expects the evaluator to give what the runtime gives. */
export async function expectSame(item: OperatorCase): Promise<void> {
  const attributes = item.attributes ?? {};
  const outputs = item.outputs ?? [item.inputs[0]?.dtype ?? 'float32'];
  const names = item.inputs.map((input, i) => (input ? `in${i}` : ''));
  const node: NodeSpec = {
    op: item.op,
    ...(item.domain === undefined ? {} : { domain: item.domain }),
    inputs: names,
    outputs: outputs.map((_, i) => `out${i}`),
    attributes,
  };
  const given = item.inputs.flatMap((input, i) => (input ? [{ input, name: `in${i}` }] : []));
  const bytes = await modelBytes({
    opset: item.opset,
    nodes: [node],
    inputs: given.map(({ input, name }) => ({ name, dtype: input.dtype, dims: input.dims })),
    outputs: outputs.map((dtype, i) => ({ name: `out${i}`, dtype })),
  });
  const judge = await session(bytes);
  const expected = await judge.run(
    Object.fromEntries(given.map(({ input, name }) => [name, toOrt(input)])),
  );
  const read = { ...node, domain: item.domain ?? '', name: '', attributes: asRead(attributes) };
  const opset = item.domain === undefined ? item.opset : 1;
  const actual = evaluateNode(read, item.inputs, opset);
  for (const [i, dtype] of outputs.entries()) {
    const { dims, data } = fromOrt(expected[`out${i}`] as OrtTensor);
    const mine = actual[i];
    if (!isTensor(mine ?? undefined) || !mine) throw new Error(`no output ${i}`);
    expect(mine.dims).toEqual(dims);
    expect(mine.dtype).toBe(dtype);
    expectClose(Array.from(mine.data as ArrayLike<number>), data, item);
  }
  await judge.release();
}

function expectClose(actual: number[], expected: readonly number[], item: OperatorCase): void {
  const scale = Math.max(1, ...expected.filter(Number.isFinite).map(Math.abs));
  const allowed = item.step ?? (item.tolerance ?? 2e-6) * scale;
  for (const [i, value] of expected.entries()) {
    const mine = actual[i] as number;
    if (Object.is(mine, value) || mine === value) continue;
    if (Number.isNaN(value) || !(Math.abs(mine - value) <= allowed)) {
      expect({ element: i, value: mine }).toEqual({ element: i, value });
    }
  }
}
