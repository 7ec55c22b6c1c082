/**
 * The ONNX reader: files that lie are refused, each with what and where.
 */

import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../lib/core/errors.js';
import { WireMessage } from '../../../lib/formats/onnx/wire.js';
import { headOf, identity, read, refused, tensorBytes, y } from './read-support.js';
import {
  fileBytes,
  floats,
  graphMessage,
  messageBytes,
  modelBytes,
  type NodeSpec,
  nodeMessage,
  tensorMessage,
  valueMessage,
} from './write-model.js';

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
    const count = 100_001;
    const graph = Buffer.alloc(node.length * count);
    for (let i = 0; i < count; i++) graph.set(node, i * node.length);
    const bytes = await messageBytes(new WireMessage().int(1, 8).bytes(7, graph));
    expect(await refused(bytes)).toMatchObject({ code: 'CORRUPT_MODEL', ...category('limits') });
  });

  it('more inputs than any model', async () => {
    const inputs = new Array<string>(50_001).fill('');
    const node = await messageBytes(
      new WireMessage().message(1, nodeMessage({ op: 'A', inputs, outputs: [] })),
    );
    const graph = Buffer.concat(new Array(10).fill(node));
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
