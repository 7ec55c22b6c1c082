/**
 * The ONNX reader: numbers in every form, attributes, functions, order, and files that lie.
 */

import { mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../lib/core/errors.js';
import { f32ToBf16, f32ToF16 } from '../../../lib/formats/float16.js';
import type { Dtype, OnnxModel } from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { encodeVarint, WireMessage } from '../../../lib/formats/onnx/wire.js';
import { withFolder } from '../support.js';
import {
  DTYPE_NUMBERS,
  externalTensor,
  type FileSpec,
  fileBytes,
  floats,
  graphMessage,
  messageBytes,
  modelBytes,
  type NodeSpec,
  nodeMessage,
  referenceMessage,
  tensor,
  tensorMessage,
  valueMessage,
} from './write-model.js';

async function read(bytes: Uint8Array): Promise<OnnxModel> {
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeFile(path, bytes);
    const model = await readOnnxModel(path);
    for (const item of model.graph.initializers.values()) item.read();
    return model;
  });
}

async function refused(bytes: Uint8Array): Promise<SinterError> {
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

const identity: NodeSpec = { op: 'Identity', inputs: ['w'], outputs: ['y'] };
const y = { name: 'y', dtype: 'float32' } as const;
/** A graph that hands out its one initializer. */
const holding = (initializer: WireMessage) =>
  graphMessage({ nodes: [identity], outputs: [y], tensors: [initializer] });
const tensorBytes = (initializer: WireMessage) => fileBytes(holding(initializer));

async function numbersOf(bytes: Uint8Array): Promise<number[]> {
  const model = await read(bytes);
  return Array.from(model.graph.initializers.get('w')?.read().data as ArrayLike<number>);
}

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

function headOf(dtype: Dtype, count: number): WireMessage {
  return new WireMessage().int(1, count).int(2, DTYPE_NUMBERS[dtype]).string(8, 'w');
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

  it('an initializer that is listed as an input is none', async () => {
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

describe('files that lie', () => {
  const category = (name: string) => ({ details: expect.objectContaining({ category: name }) });
  const raw = (dims: number[], bytes: number) =>
    tensorMessage('w', 'float32', dims, new Uint8Array(bytes));

  it.each([
    ['too few bytes', raw([2, 3], 20), 'data'],
    ['too many bytes', raw([2, 3], 28), 'data'],
    ['a negative dimension', raw([-1, 3], 12), 'data'],
    ['more elements than any model', raw([2 ** 40, 2 ** 40], 0), 'limits'],
    ['an absurd shape behind an empty axis', raw([0, 2 ** 40], 0), 'limits'],
    ['too many axes', raw(new Array(17).fill(1), 4), 'limits'],
    [
      'no element type',
      new WireMessage().int(1, 1).string(8, 'w').bytes(9, new Uint8Array(4)),
      'data',
    ],
    ['raw and typed numbers', raw([1], 4).float(4, 1), 'data'],
    ['fewer numbers than its shape', headOf('float32', 3).float(4, 1), 'data'],
    ['numbers in the wrong field', headOf('float32', 1).int(5, 1), 'data'],
    ['an int8 of 200', headOf('int8', 1).int(5, 200), 'data'],
    ['half a float', headOf('float32', 1).bytes(4, new Uint8Array(3)), 'parse'],
    ['a shape that is a text', new WireMessage().float(1, 1).int(2, 1).string(8, 'w'), 'parse'],
  ])('a tensor with %s', async (_, message, name) => {
    const error = await refused(await tensorBytes(message));
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', ...category(name) });
    if (name === 'data') expect(error.details.tensor).toBe('w');
  });

  it.each([
    ['strings', 8],
    ['complex numbers', 14],
    ['float8', 17],
  ])('a tensor of %s is unsupported', async (_, type) => {
    const message = new WireMessage()
      .int(1, 1)
      .int(2, type)
      .string(8, 'w')
      .bytes(9, new Uint8Array(16));
    expect(await refused(await tensorBytes(message))).toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      details: { tensor: 'w' },
    });
  });

  const chain = (inputs: string[], outputs: string[]): NodeSpec => ({
    op: 'Add',
    name: outputs.join(),
    inputs,
    outputs,
  });
  it.each([
    ['a cycle', [chain(['b'], ['a']), chain(['a'], ['b']), chain(['b'], ['y'])], 'a'],
    ['a value that nobody makes', [chain(['nowhere'], ['y'])], 'y'],
    ['a value assigned twice', [chain([], ['y']), chain([], ['y'])], 'y'],
  ])('%s', async (_, nodes, node) => {
    const error = await refused(await modelBytes({ nodes, outputs: [y] }));
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', details: { category: 'graph', node } });
  });

  it('an output that nobody makes', async () => {
    const error = await refused(await modelBytes({ nodes: [], outputs: [y] }));
    expect(error).toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { category: 'graph', tensor: 'y' },
    });
  });

  it('graphs nested without end', async () => {
    let graph = graphMessage({ nodes: [], outputs: [] });
    for (let depth = 0; depth < 12; depth++) {
      const node = nodeMessage({ op: 'If', inputs: [], outputs: [] }, [
        new WireMessage().string(1, 'then_branch').message(6, graph).int(20, 5),
      ]);
      graph = new WireMessage().message(1, node);
    }
    expect(await refused(await fileBytes(graph))).toMatchObject({
      code: 'CORRUPT_MODEL',
      ...category('limits'),
    });
  });

  const caller = (op: string): NodeSpec => ({ op, domain: 'own', inputs: [], outputs: [] });
  const functionOf = (name: string, nodes: NodeSpec[]) => ({
    domain: 'own',
    name,
    inputs: [],
    outputs: [],
    nodes,
  });

  it('a function that calls itself', async () => {
    const functions = [functionOf('f', [caller('g')]), functionOf('g', [caller('f')])];
    const error = await refused(await modelBytes({ nodes: [caller('f')], outputs: [], functions }));
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', ...category('graph') });
  });

  it('functions that double and double', async () => {
    const functions = Array.from({ length: 40 }, (_, i) =>
      functionOf(`f${i}`, i === 0 ? [] : [caller(`f${i - 1}`), caller(`f${i - 1}`)]),
    );
    const error = await refused(
      await modelBytes({ nodes: [caller('f39')], outputs: [], functions }),
    );
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', ...category('limits') });
  });

  it('more parts than any model', async () => {
    const node = await messageBytes(
      new WireMessage().message(1, nodeMessage({ op: 'A', inputs: [], outputs: [] })),
    );
    const count = 200_001;
    const graph = Buffer.alloc(node.length * count);
    for (let i = 0; i < count; i++) graph.set(node, i * node.length);
    const bytes = await messageBytes(new WireMessage().int(1, 8).bytes(7, graph));
    expect(await refused(bytes)).toMatchObject({ code: 'CORRUPT_MODEL', ...category('limits') });
  });

  it('versions that are not known', async () => {
    for (const spec of [{ opset: 999 }, { opset: 6 }, { irVersion: 2 }, { irVersion: 99 }]) {
      const bytes = await modelBytes({
        nodes: [identity],
        outputs: [y],
        tensors: [floats('w', [1], [0])],
        ...spec,
      });
      expect(await refused(bytes)).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    }
  });

  it('an attribute without a value', async () => {
    const node = nodeMessage(identity, [new WireMessage().string(1, 'value').int(20, 4)]);
    const graph = new WireMessage()
      .message(1, node)
      .message(5, floats('w', [1], [0]))
      .message(12, valueMessage(y));
    expect(await refused(await fileBytes(graph))).toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { node: 'y' },
    });
  });

  it('a file cut off anywhere', async () => {
    const attributes = { t: floats('t', [3], [1, 2, 3]), axes: [1, 2], s: 'text' };
    const bytes = await modelBytes({
      nodes: [{ ...identity, attributes }],
      outputs: [y],
      tensors: [floats('w', [4], [1, 2, 3, 4])],
    });
    for (let length = 0; length < bytes.length; length++) {
      const outcome = await read(bytes.subarray(0, length)).catch((error: unknown) => error);
      // Cut between the last fields of the model, what is left may be complete.
      if (outcome instanceof SinterError) expect(outcome.details.file).toMatch(/model\.onnx$/);
      else expect(outcome).toHaveProperty('graph');
    }
  });
});

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
});
