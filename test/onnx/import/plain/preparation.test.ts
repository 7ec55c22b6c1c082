/**
 * What happens to a whole model before the rules run: functions inlined, old operators marked, floats made float32, equal
 * constants merged.
 */

import { describe, expect, it } from 'vitest';
import type { OnnxFunction, OnnxModel } from '../../../../lib/formats/onnx/import/model.js';
import { PLAIN_OPSETS } from '../../../../lib/formats/onnx/import/plain/plain-model.js';
import { toPlain } from '../../../../lib/formats/onnx/import/plain/to-plain.js';
import { evaluate } from '../../../../lib/formats/onnx/import/reference/evaluate.js';
import { floats, graphOf, initializer, node, type SmallGraph, scalar, tensor } from './small.js';

function modelOf(small: SmallGraph, more: Partial<OnnxModel> = {}): OnnxModel {
  return {
    path: 'small.onnx',
    irVersion: 8,
    files: [],
    producer: 'test',
    opsets: PLAIN_OPSETS,
    graph: graphOf(small),
    functions: [],
    metadata: new Map(),
    bytes: 0,
    ...more,
  };
}

async function apart(model: OnnxModel, small: SmallGraph): Promise<number> {
  const feeds = new Map(Object.entries(small.feeds));
  const plain = toPlain(model);
  const before = await evaluate(model, feeds);
  const after = await evaluate({ graph: plain.graph, opsets: PLAIN_OPSETS }, feeds);
  let largest = 0;
  for (const [name, want] of before) {
    expect(after.get(name)?.dims).toEqual(want.dims);
    want.data.forEach((x, i) => {
      largest = Math.max(largest, Math.abs(x - (after.get(name)?.data[i] ?? Number.NaN)));
    });
  }
  return largest;
}

const operators = (model: OnnxModel) => toPlain(model).graph.nodes.map((item) => item.op);
const x = floats([2, 3, 4], 1);

describe('functions', () => {
  const inner: OnnxFunction = {
    domain: 'local',
    name: 'Soft',
    inputs: ['v', 'w'],
    outputs: ['r'],
    nodes: [
      node(['s', 'Softmax', ['v'], { axis: { ref: 'along' } }]),
      node(['r', 'Mul', ['s', 'w']]),
    ],
    attributes: ['along'],
    opsets: PLAIN_OPSETS,
    defaults: new Map(),
  };
  const outer: OnnxFunction = {
    ...inner,
    name: 'Twice',
    inputs: ['v'],
    outputs: ['r', 'same'],
    nodes: [
      node(['a', 'local::Soft', ['v', 'v'], { along: { ref: 'axis' } }]),
      node(['r', 'local::Soft', ['a', 'v'], { along: { ref: 'axis' } }]),
      node(['same', 'Identity', ['v']]),
    ],
    attributes: [],
    defaults: new Map([['axis', 1]]),
  };
  const small: SmallGraph = {
    feeds: { x },
    nodes: [
      ['a,b', 'local::Twice', ['x']],
      ['c', 'local::Twice', ['a'], { axis: 2 }],
      ['y', 'Add', ['b', 'c']],
    ],
    outputs: ['y', 'a'],
  };

  it('are inlined, with attributes given, defaults and functions inside functions', async () => {
    const model = modelOf(small, { functions: [inner, outer] });
    expect(operators(model)).toEqual([
      ...['Softmax', 'Mul', 'Softmax', 'Mul'],
      ...['Softmax', 'Mul', 'Softmax', 'Mul', 'Add'],
    ]);
    expect(await apart(model, small)).toBe(0);
    expect(toPlain(model).applied[0]).toMatchObject({ rule: 'inline-function', count: 6 });
  });

  it('keep the operator set that they were written for', async () => {
    const old: OnnxFunction = {
      ...inner,
      nodes: [node(['s', 'Softmax', ['v']]), node(['r', 'Mul', ['s', 'w']])],
      attributes: [],
      opsets: new Map([['', 11]]),
    };
    const call: SmallGraph = {
      ...small,
      nodes: [['y', 'local::Soft', ['x', 'x']]],
      outputs: ['y'],
    };
    const model = modelOf(call, { functions: [old] });
    // Softmax of opset 11: over the last two axes together.
    expect(operators(model)).toEqual(['Flatten', 'Softmax', 'Shape', 'Reshape', 'Mul']);
    const plain = toPlain(model);
    const made = await evaluate(
      { graph: plain.graph, opsets: PLAIN_OPSETS },
      new Map(Object.entries(call.feeds)),
    );
    const { data } = x;
    const sum = [...data.slice(0, 12)].reduce((total, v) => total + Math.exp(v), 0);
    const first = (Math.exp(data[0] as number) / sum) * (data[0] as number);
    expect(made.get('y')?.data[0]).toBeCloseTo(first, 6);
  });
});

describe('softmax-12', () => {
  it.each([
    ['over several axes', {}, ['Flatten', 'Softmax', 'Shape', 'Reshape']],
    ['over the last axis', { axis: 2 }, ['Softmax']],
    ['over the last axis, counted from the end', { axis: -1 }, ['Softmax']],
  ])('%s', async (_, attributes, left) => {
    const small: SmallGraph = {
      feeds: { x },
      nodes: [['y', 'Softmax', ['x'], attributes]],
      outputs: ['y'],
    };
    const model = modelOf(small, { opsets: new Map([['', 11]]) });
    expect(operators(model)).toEqual(left);
    expect(await apart(model, small)).toBeLessThan(1e-7);
  });
});

describe('float types', () => {
  it('become float32: inputs, outputs, constants, casts and tensors of attributes', () => {
    const half = (values: number[]) => tensor('float16', [values.length], values);
    const model = modelOf({
      feeds: { x: tensor('float16', [4], [1, 2, 3, 4]) },
      constants: {
        w: half([0.5, 1, 1.5, -65504]),
        d: { ...scalar(0), dtype: 'float64', data: Float64Array.of(-1.7e308) },
      },
      nodes: [
        ['a', 'Cast', ['x'], { to: 1 }],
        ['b', 'Cast', ['a'], { to: 10 }],
        ['c', 'Mul', ['b', 'w']],
        ['e', 'Max', ['c', 'd']],
        ['s', 'Shape', ['e']],
        ['f', 'ConstantOfShape', ['s'], { value: half([1]) }],
        ['y', 'Add', ['e', 'f']],
      ],
      outputs: ['y'],
    });
    const plain = toPlain(model);
    expect(plain.half).toBe('float16');
    expect(plain.graph.nodes.map((item) => item.op)).toEqual(['Mul', 'Max', 'Add']);
    const [value] = plain.graph.inputs;
    expect(value?.dtype).toBe('float32');
    const types = [...plain.graph.initializers.values()].map((item) => item.read());
    for (const { dtype } of types) expect(dtype).toBe('float32');
    const numbers = types.flatMap(({ data }) => [...data]);
    expect(numbers).toContain(-65504);
    expect(numbers).toContain(-3.4028234663852886e38);
  });
});

describe('same constants', () => {
  it('become one, if every number agrees', () => {
    const big = floats([40, 40], 2);
    const changed = { ...big, data: Float32Array.from(big.data) };
    changed.data[1599] = 7;
    const model = modelOf({
      feeds: { x: floats([3, 40], 3) },
      constants: { a: big, b: { ...big, data: Float32Array.from(big.data) }, c: changed },
      nodes: [
        ['p', 'MatMul', ['x', 'a']],
        ['q', 'MatMul', ['x', 'b']],
        ['r', 'MatMul', ['x', 'c']],
        ['s', 'Add', ['p', 'q']],
        ['y', 'Add', ['s', 'r']],
      ],
      outputs: ['y'],
    });
    const plain = toPlain(model);
    expect([...plain.graph.initializers.keys()]).toEqual(['a', 'c']);
    expect(plain.applied).toContainEqual({ rule: 'same-constants', count: 1, nodes: ['b'] });
  });
});

describe('toPlain', () => {
  it('leaves operators that nobody knows', () => {
    const small: SmallGraph = {
      feeds: { x },
      nodes: [
        ['a', 'acme.ops::MysteryGelu', ['x']],
        ['y', 'Identity', ['a']],
      ],
      outputs: ['y'],
    };
    const plain = toPlain(modelOf(small));
    expect(plain.graph.nodes).toHaveLength(1);
    expect(plain.graph.nodes[0]).toMatchObject({
      domain: 'acme.ops',
      op: 'MysteryGelu',
      outputs: ['y'],
    });
  });

  it('refuses an operator set before 7', () => {
    const model = modelOf(
      { feeds: { x }, nodes: [['y', 'Relu', ['x']]], outputs: ['y'] },
      { opsets: new Map([['', 6]]) },
    );
    expect(() => toPlain(model)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_MODEL' }));
  });

  it('reads no large constant', () => {
    const weight = { ...initializer('w', floats([4, 4], 5)), read: () => expect.fail('read') };
    const graph = graphOf({
      feeds: { x },
      nodes: [
        ['t', 'Transpose', ['w']],
        ['y', 'MatMul', ['x', 't']],
      ],
      outputs: ['y'],
    });
    const constants = new Map([
      ['w', { ...weight, dims: [1000, 1000], readRange: () => Float32Array.of(1) }],
    ]);
    const model = {
      ...modelOf({ feeds: {}, nodes: [], outputs: [] }),
      graph: { ...graph, initializers: constants },
    };
    const plain = toPlain(model);
    expect([...plain.graph.initializers.values()][0]?.dims).toEqual([1000, 1000]);
  });
});
