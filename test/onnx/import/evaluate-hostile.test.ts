/**
 * The reference evaluator on graphs with random mistakes: inputs rewired, attributes changed. A typed error or a result, never
 * anything else, within its limits.
 */

import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../lib/core/errors.js';
import type {
  Attribute,
  OnnxModel,
  OnnxNode,
  Tensor,
} from '../../../lib/formats/onnx/import/model.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { generator, int64s } from './random-tensors.js';
import { read } from './read-support.js';
import { modelBytes } from './write-model.js';
import { golden, zooCases } from './zoo.js';

type Next = () => number;

const pick = <T>(list: readonly T[], next: Next): T => list[Math.floor(next() * list.length)] as T;
const NUMBERS = [-1e9, -3, -2, -1, 0, 1, 2, 3, 7, 64, 2 ** 31, 2 ** 53, 0.5, Number.NaN];

function changedAttribute(value: Attribute, next: Next): Attribute {
  if (typeof value === 'number') return pick(NUMBERS, next);
  if (typeof value === 'string')
    return pick(['', 'none', 'tanh', 'Relu', 'ij->k', 'constant'], next);
  if (Array.isArray(value))
    return [...value, pick(NUMBERS, next)].slice(next() < 0.5 ? 0 : 1) as number[];
  return pick<Attribute>([value, 3, 'x', [1]], next);
}

/** The graph with one to four nodes read from other values or with other attributes. */
function damaged(model: OnnxModel, next: Next): OnnxModel {
  const nodes = [...model.graph.nodes];
  for (let n = Math.ceil(next() * 4); n > 0; n--) {
    const at = Math.floor(next() * nodes.length);
    const node = nodes[at] as OnnxNode;
    const before = nodes.slice(0, at).flatMap((item) => item.outputs);
    const values = [...before, ...model.graph.initializers.keys(), ''];
    const inputs = node.inputs.map((input) => (next() < 0.4 ? pick(values, next) : input));
    const attributes = new Map(
      [...node.attributes].map(([name, value]) => [
        name,
        next() < 0.4 ? changedAttribute(value, next) : value,
      ]),
    );
    nodes[at] = { ...node, inputs: next() < 0.1 ? inputs.slice(1) : inputs, attributes };
  }
  return { ...model, graph: { ...model.graph, nodes } };
}

async function outcome(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'computed';
  } catch (error) {
    if (error instanceof SinterError) return error.code;
    throw error;
  }
}

describe('graphs with inputs and attributes changed at random', () => {
  it('give a result or a typed error', async () => {
    const next = generator(20261122);
    const tally = new Map<string, number>();
    for (const zooCase of zooCases()) {
      const model = await readOnnxModel(zooCase.model);
      const feeds = await golden(zooCase, zooCase.golden.groups[0] as string, 'input');
      for (let run = 0; run < 4; run++) {
        const graph = damaged(model, next);
        const limits = { maxMultiplyAdds: 3e7, maxElements: 2 ** 18 };
        const result = await outcome(() => evaluate(graph, feeds, limits));
        tally.set(result, (tally.get(result) ?? 0) + 1);
      }
    }
    expect([...tally.keys()].sort()).toEqual(['CORRUPT_MODEL', 'UNSUPPORTED_MODEL', 'computed']);
    expect(tally.get('CORRUPT_MODEL')).toBeGreaterThan(tally.get('computed') as number);
  }, 120_000);
});

describe('limits', () => {
  const nodes = [
    { op: 'Expand', inputs: ['x', 's'], outputs: ['big'], name: 'grow' },
    { op: 'MatMul', inputs: ['big', 'big'], outputs: ['y'], name: 'work' },
  ];
  const spec = {
    nodes,
    inputs: [
      { name: 'x', dtype: 'float32' },
      { name: 's', dtype: 'int64' },
    ],
    outputs: [{ name: 'y', dtype: 'float32' }],
  } as const;
  const run = async (size: number, options: Parameters<typeof evaluate>[2]) => {
    const model = await read(await modelBytes(spec));
    const x: Tensor = { dtype: 'float32', dims: [1, 1], data: Float32Array.of(1) };
    return evaluate(
      model,
      new Map([
        ['x', x],
        ['s', int64s([size, size])],
      ]),
      options,
    );
  };

  it('a value that is too large is refused before it is made, and names its node', async () => {
    await expect(run(2 ** 40, {})).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { category: 'limits', node: 'grow' },
    });
  });

  it('work is refused before it is done', async () => {
    await expect(run(100, { maxMultiplyAdds: 500_000 })).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      details: { category: 'limits', node: 'work' },
    });
    expect((await run(100, { maxMultiplyAdds: 2_000_000 })).get('y')?.data[0]).toBe(100);
  });

  it('an aborted signal ends it, and other work gets its turn', async () => {
    const controller = new AbortController();
    let turns = 0;
    const timer = setInterval(() => {
      turns++;
      controller.abort();
    }, 1);
    const squares = Array.from({ length: 50 }, (_, i) => ({
      op: 'MatMul',
      inputs: [i === 0 ? 'big' : `v${i}`, 'big'],
      outputs: [i === 49 ? 'y' : `v${i + 1}`],
    }));
    const grow = { op: 'Expand', inputs: ['x', 's'], outputs: ['big'] };
    const model = await read(await modelBytes({ ...spec, nodes: [grow, ...squares] }));
    const x: Tensor = { dtype: 'float32', dims: [1, 1], data: Float32Array.of(0.01) };
    const feeds = new Map([
      ['x', x],
      ['s', int64s([200, 200])],
    ]);
    const { signal } = controller;
    await expect(evaluate(model, feeds, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('operators that are not known are listed all at once', async () => {
    const own = [
      { op: 'Mystery', domain: 'acme', inputs: ['x'], outputs: ['a'], name: 'first' },
      { op: 'Conv', inputs: ['a'], outputs: ['y'], name: 'second' },
    ];
    const model = await read(await modelBytes({ ...spec, nodes: own }));
    await expect(evaluate(model, new Map())).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      details: { nodes: ['acme::Mystery (first)', 'Conv (second)'] },
    });
  });
});
