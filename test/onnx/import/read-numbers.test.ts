/**
 * The ONNX reader: numbers in every form, attributes, functions, branches, order.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f32ToBf16, f32ToF16 } from '../../../lib/formats/float16.js';
import type { Dtype } from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { encodeVarint, WireMessage } from '../../../lib/formats/onnx/wire.js';
import { withFolder } from '../support.js';
import { headOf, identity, numbersOf, read, tensorBytes, y } from './read-support.js';
import {
  type FileSpec,
  fileBytes,
  floats,
  graphMessage,
  modelBytes,
  type NodeSpec,
  nodeMessage,
  referenceMessage,
  tensor,
  tensorMessage,
  valueMessage,
} from './write-model.js';

/** Integers of a dtype, with the ends of its range. */
function integers(dtype: Dtype): fc.Arbitrary<bigint> {
  const bits = BigInt(/\d+/.exec(dtype)?.[0] ?? '1');
  const signed = !dtype.startsWith('u') && dtype !== 'bool';
  const max = 2n ** (signed ? bits - 1n : bits) - 1n;
  const min = signed ? -max - 1n : 0n;
  return fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n));
}

function packed(values: readonly bigint[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [...encodeVarint(value)]));
}

describe('numbers', () => {
  const sizes = {
    int8: 1,
    uint8: 1,
    int16: 2,
    uint16: 2,
    int32: 4,
    uint32: 4,
    int64: 8,
    uint64: 8,
    bool: 1,
  } as const;

  it.each(Object.keys(sizes) as (keyof typeof sizes)[])(
    '%s: raw, packed and one by one',
    async (dtype) => {
      const field = dtype === 'int64' ? 7 : dtype === 'uint32' || dtype === 'uint64' ? 11 : 5;
      await fc.assert(
        fc.asyncProperty(fc.array(integers(dtype), { maxLength: 20 }), async (values) => {
          const expected = values.map(Number);
          const raw = Buffer.alloc(values.length * sizes[dtype]);
          for (const [i, value] of values.entries()) {
            for (let byte = 0; byte < sizes[dtype]; byte++) {
              raw[i * sizes[dtype] + byte] = Number((value >> BigInt(8 * byte)) & 255n);
            }
          }
          const one = headOf(dtype, values.length);
          for (const value of values) one.int(field, value);
          const run = headOf(dtype, values.length).bytes(field, packed(values));
          const inRaw = tensorMessage('w', dtype, [values.length], raw);
          for (const message of [inRaw, run, one]) {
            expect(await numbersOf(await tensorBytes(message))).toEqual(expected);
          }
        }),
        { numRuns: 15 },
      );
    },
  );

  it('float32, float64, float16 and bfloat16, raw and typed', async () => {
    const values = [0, -0, 1.5, -2.25, 65504, 2 ** -24, Infinity, -Infinity];
    const f32 = Float32Array.from(values);
    const f64 = Float64Array.from([...values, 1 / 3]);
    const halves = f32ToF16(f32);
    const brains = f32ToBf16(f32);
    const bytes = (array: ArrayBufferView) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const wide = (array: Uint16Array) => packed([...array].map(BigInt));
    const exact = [...f32];
    const cases: [WireMessage, number[]][] = [
      [tensorMessage('w', 'float32', [8], bytes(f32)), exact],
      [headOf('float32', 8).bytes(4, bytes(f32)), exact],
      [f32.reduce((message, value) => message.float(4, value), headOf('float32', 8)), exact],
      [tensorMessage('w', 'float64', [9], bytes(f64)), [...f64]],
      [headOf('float64', 9).bytes(10, bytes(f64)), [...f64]],
      [tensorMessage('w', 'float16', [8], bytes(halves)), exact],
      [headOf('float16', 8).bytes(5, wide(halves)), exact],
    ];
    for (const [message, expected] of cases) {
      expect(await numbersOf(await tensorBytes(message))).toEqual(expected);
    }
    const rounded = [...brains].map((pattern) => {
      const word = Uint32Array.of(pattern * 65536);
      return new Float32Array(word.buffer)[0] as number;
    });
    for (const message of [
      tensorMessage('w', 'bfloat16', [8], bytes(brains)),
      headOf('bfloat16', 8).bytes(5, wide(brains)),
    ]) {
      expect(await numbersOf(await tensorBytes(message))).toEqual(rounded);
    }
  });

  it('four bits: low half first, the last half may be empty', async () => {
    const raw = Uint8Array.of(0x8f, 0x71, 0x03);
    const signed = tensorMessage('w', 'int4', [5], raw);
    const unsigned = tensorMessage('w', 'uint4', [5], raw);
    expect(await numbersOf(await tensorBytes(signed))).toEqual([-1, -8, 1, 7, 3]);
    expect(await numbersOf(await tensorBytes(unsigned))).toEqual([15, 8, 1, 7, 3]);
    const typed = headOf('uint4', 5).bytes(5, packed([0x8fn, 0x71n, 0x03n]));
    expect(await numbersOf(await tensorBytes(typed))).toEqual([15, 8, 1, 7, 3]);
  });

  it('a part of a large tensor is read alone', async () => {
    const values = Float32Array.from({ length: 50_000 }, (_, i) => i);
    await withFolder(async (folder) => {
      const path = join(folder, 'm.onnx');
      await writeFile(path, await tensorBytes(floats('w', [50_000], [...values])));
      const item = (await readOnnxModel(path)).graph.initializers.get('w');
      expect(item?.readRange?.(40_000, 40_003)).toEqual(Float32Array.of(40_000, 40_001, 40_002));
      expect(item?.read().data).toEqual(values);
    });
  });
});

describe('nodes', () => {
  it('are sorted, and keep their attributes', async () => {
    const nodes: NodeSpec[] = [
      { op: 'Add', inputs: ['b', 'a'], outputs: ['y'], name: 'last' },
      { op: 'Neg', inputs: ['a'], outputs: ['b'] },
      {
        op: 'Relu',
        inputs: ['x'],
        outputs: ['a'],
        attributes: { alpha: { float: 0.5 }, to: -7, mode: 'ä', axes: [1, -2] },
      },
    ];
    const inputs = [{ name: 'x', dtype: 'float32', dims: ['batch', 4] }] as const;
    const model = await read(await modelBytes({ nodes, inputs, outputs: [y] }));
    expect(model.graph.nodes.map((node) => node.op)).toEqual(['Relu', 'Neg', 'Add']);
    const { attributes } = model.graph.nodes[0] ?? {};
    expect(Object.fromEntries(attributes ?? [])).toEqual({
      alpha: 0.5,
      to: -7,
      mode: 'ä',
      axes: [1, -2],
    });
    expect(model.graph.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: ['batch', 4] }]);
    expect(model.opsets).toEqual(
      new Map([
        ['', 17],
        ['com.microsoft', 1],
      ]),
    );
    expect(model.producer).toBe('test');
  });

  it('an initializer that is also listed as an input is not counted as one', async () => {
    const spec: FileSpec = {
      nodes: [identity],
      inputs: [{ name: 'w', dtype: 'float32', dims: [1] }],
      outputs: [y],
      tensors: [floats('w', [1], [3])],
    };
    expect((await read(await modelBytes(spec))).graph.inputs).toEqual([]);
  });

  it('functions keep references, and the evaluator fills them in', async () => {
    const scaled = nodeMessage({ op: 'LeakyRelu', inputs: ['v'], outputs: ['r'] }, [
      referenceMessage('alpha', 'slope', 1),
    ]);
    const call: NodeSpec = {
      op: 'Slope',
      domain: 'own',
      inputs: ['x'],
      outputs: ['y'],
      attributes: { slope: { float: 0.5 } },
    };
    const plain: NodeSpec = { op: 'Slope', domain: 'own', inputs: ['y'], outputs: ['z'] };
    const bytes = await modelBytes({
      nodes: [call, plain],
      inputs: [{ name: 'x', dtype: 'float32', dims: [2] }],
      outputs: [{ name: 'z', dtype: 'float32' }],
      functions: [
        {
          domain: 'own',
          name: 'Slope',
          inputs: ['v'],
          outputs: ['r'],
          nodes: [scaled],
          attributes: ['slope'],
        },
      ],
    });
    const model = await read(bytes);
    expect(model.functions[0]?.nodes[0]?.attributes.get('alpha')).toEqual({ ref: 'slope' });
    const out = await evaluate(model, new Map([['x', tensor('float32', [2], [-4, 8])]]));
    // 0.5 where it is given, LeakyRelu's own 0.01 where it is not.
    expect([...(out.get('z')?.data ?? [])].map((value) => Math.fround(value))).toEqual([
      Math.fround(-0.02),
      8,
    ]);
  });

  it('branches read what is around them', async () => {
    const branch = (op: string) =>
      graphMessage({
        nodes: [{ op, inputs: ['x'], outputs: ['r'] }],
        outputs: [{ name: 'r', dtype: 'float32' }],
      });
    const graphAttribute = (name: string, graph: WireMessage) =>
      new WireMessage().string(1, name).message(6, graph).int(20, 5);
    const node = nodeMessage({ op: 'If', inputs: ['c'], outputs: ['y'] }, [
      graphAttribute('then_branch', branch('Neg')),
      graphAttribute('else_branch', branch('Abs')),
    ]);
    const graph = new WireMessage()
      .message(1, node)
      .message(11, valueMessage({ name: 'c', dtype: 'bool', dims: [] }))
      .message(11, valueMessage({ name: 'x', dtype: 'float32', dims: [1] }))
      .message(12, valueMessage(y));
    const model = await read(await fileBytes(graph));
    for (const [condition, expected] of [
      [1, 3],
      [0, 3],
      [1, -3],
    ] as const) {
      const x = condition === 1 ? -expected : -3;
      const feeds = new Map([
        ['c', tensor('bool', [], [condition])],
        ['x', tensor('float32', [1], [x])],
      ]);
      expect((await evaluate(model, feeds)).get('y')?.data).toEqual(Float32Array.of(expected));
    }
  });
});
