/**
 * Damaged graphs: whatever a file says, rewriting ends soon, with a graph or with a typed error.
 */

import { describe, expect, it } from 'vitest';
import { SinterError } from '../../../../lib/core/errors.js';
import type { Attribute, OnnxModel, OnnxNode } from '../../../../lib/formats/onnx/import/model.js';
import { PLAIN_OPSETS } from '../../../../lib/formats/onnx/import/plain/plain-model.js';
import { toPlain } from '../../../../lib/formats/onnx/import/plain/to-plain.js';
import { readOnnxModel } from '../../../../lib/formats/onnx/import/read-model.js';
import { zooCases } from '../zoo.js';
import { floats, graphOf, type NodeText, randomNumbers } from './small.js';

const NUMBERS = [0, 1, -1, 2, -7, 3, 1e9, -1e9, 2 ** 31, 0.5, Number.NaN, 127];
const MUTANTS = 80;

/** Whole numbers below a bound, the same in every run. */
function chooser(seed: number): (below: number) => number {
  const numbers = randomNumbers(1 << 14, seed);
  let at = 0;
  return (below) => Math.floor((((numbers[at++ % numbers.length] ?? 0) + 1) / 2) * below) % below;
}

function otherAttribute(value: Attribute, choose: (below: number) => number): Attribute {
  if (typeof value === 'number') return NUMBERS[choose(NUMBERS.length)] ?? 0;
  if (!Array.isArray(value)) return value;
  const list: readonly unknown[] = value;
  return list
    .slice(choose(2))
    .map((item) => (choose(2) ? NUMBERS[choose(NUMBERS.length)] : item)) as number[];
}

/** The model with a few nodes changed: attributes, inputs, operators. */
function mutant(model: OnnxModel, choose: (below: number) => number): OnnxModel {
  const nodes: OnnxNode[] = [...model.graph.nodes];
  const names = [
    ...model.graph.initializers.keys(),
    ...model.graph.inputs.map((item) => item.name),
  ];
  for (let change = 0; change <= choose(5); change++) {
    const at = choose(nodes.length);
    const node = nodes[at];
    const other = nodes[choose(at + 1)];
    if (node === undefined || other === undefined) continue;
    const kind = choose(4);
    if (kind === 0) {
      const attributes = new Map(
        [...node.attributes].map(([name, value]) => [name, otherAttribute(value, choose)]),
      );
      nodes[at] = { ...node, attributes };
    } else if (kind === 1) {
      const inputs = node.inputs.map((name) =>
        choose(3) ? name : (names[choose(names.length)] ?? name),
      );
      nodes[at] = { ...node, inputs };
    } else if (kind === 2) nodes[at] = { ...node, op: other.op, domain: other.domain };
    else nodes[at] = { ...node, inputs: node.inputs.slice(0, choose(node.inputs.length + 1)) };
  }
  return { ...model, graph: { ...model.graph, nodes } };
}

describe('damaged graphs', () => {
  it(`${MUTANTS} of them end soon and without a crash`, async () => {
    const models = await Promise.all(zooCases().map((item) => readOnnxModel(item.model)));
    const choose = chooser(20);
    for (let count = 0; count < MUTANTS; count++) {
      const model = models[choose(models.length)];
      if (model === undefined) throw new Error('no model');
      const changed = mutant(model, choose);
      try {
        for (const initializer of toPlain(changed).graph.initializers.values()) {
          const size = initializer.dims.reduce((product, length) => product * length, 1);
          expect(initializer.read().data.length).toBe(size);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SinterError);
      }
    }
  }, 60_000);

  const chain = (op: string, length: number): OnnxModel => ({
    path: 'chain.onnx',
    irVersion: 8,
    files: [],
    producer: 'test',
    opsets: PLAIN_OPSETS,
    graph: graphOf({
      feeds: { x: floats([2, 3], 1) },
      nodes: Array.from(
        { length },
        (_, i) => [`v${i + 1}`, op, [i === 0 ? 'x' : `v${i}`], attributesOf(op)] as NodeText,
      ),
      outputs: [`v${length}`],
    }),
    functions: [],
    metadata: new Map(),
    bytes: 0,
  });

  it.each(['Identity', 'Transpose', 'Shape', 'Unsqueeze', 'Cast', 'Mul', 'Tanh'])(
    'a chain of 10,000 %s',
    (op) => {
      const begin = performance.now();
      try {
        expect(toPlain(chain(op, 10_000)).graph.nodes.length).toBeLessThanOrEqual(10_000);
      } catch (error) {
        expect(error).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
      }
      expect(performance.now() - begin).toBeLessThan(10_000);
    },
    60_000,
  );
});

function attributesOf(op: string): Readonly<Record<string, Attribute>> {
  if (op === 'Transpose') return { perm: [1, 0] };
  if (op === 'Unsqueeze') return { axes: [0] };
  return op === 'Cast' ? { to: 7 } : {};
}
