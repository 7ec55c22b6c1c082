/** What units are worth and cost, found from the graph alone: against the weights of models, cut and whole. */

import { describe, expect, it } from 'vitest';
import { magnitudeImportance } from '../../lib/compress/magnitude.js';
import { unitMacs } from '../../lib/compress/mask-search.js';
import { unitBytes } from '../../lib/compress/unit-bytes.js';
import { cutUnits } from '../../lib/graph/rewrite/cut-units.js';
import { layerShapes } from '../../lib/graph/rewrite/layer-shapes.js';
import {
  parametersOf,
  quantizableWeights,
  quantizeGraph,
  storedBytes,
} from '../../lib/graph/rewrite/quantize.js';
import { unitsOf } from '../../lib/graph/rewrite/units.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { Golden } from '../parity/golden.js';

const bytesOf = (graph: EncoderGraph) =>
  parametersOf(graph).reduce((sum, weight) => sum + storedBytes(weight), 0);

describe('magnitudes', () => {
  it('are the norms of all weights of a unit', async () => {
    const { graph, program } = (await Golden.open('bert-seqcls')).parts;
    await program.use('test', async ({ store }) => {
      const found = await magnitudeImportance(graph, store, { where: 'test' });
      expect(found.heads.map((layer) => layer.length)).toEqual([4, 4]);
      expect(found.neurons.map((layer) => layer.length)).toEqual([64, 64]);
      const prefix = 'bert.encoder.layer.1.';
      const sum = (name: string, take: (row: number, column: number) => boolean) => {
        const { shape = [] } = graph.weights.find((weight) => weight.name === prefix + name) ?? {};
        const columns = shape[1] ?? 1;
        return store.readWeight(prefix + name).reduce((total, value, i) => {
          return total + (take(Math.floor(i / columns), i % columns) ? value * value : 0);
        }, 0);
      };
      const inHead = (i: number) => i >= 16 && i < 24;
      let head = sum('attention.output.dense.weight', (_, column) => inHead(column));
      for (const name of ['query', 'key', 'value']) {
        head += sum(`attention.self.${name}.weight`, inHead);
        head += sum(`attention.self.${name}.bias`, inHead);
      }
      expect(found.heads[1]?.[2]).toBeCloseTo(Math.sqrt(head), 5);
      const neuron =
        sum('intermediate.dense.weight', (row) => row === 9) +
        sum('intermediate.dense.bias', (row) => row === 9) +
        sum('output.dense.weight', (_, column) => column === 9);
      expect(found.neurons[1]?.[9]).toBeCloseTo(Math.sqrt(neuron), 5);
    });
  });

  it.each(['albert', 'modernbert', 'mpnet'])('of %s cover every unit', async (name) => {
    const { graph, program } = (await Golden.open(name)).parts;
    const found = await program.use('test', ({ store }) =>
      magnitudeImportance(graph, store, { where: 'test' }),
    );
    for (const layer of [...found.heads, ...found.neurons]) {
      expect(Math.min(...layer)).toBeGreaterThan(0);
    }
    expect(found.neurons[0] === found.neurons[1]).toBe(name === 'albert');
  });
});

describe('bytes of units', () => {
  it.each([
    ['bert', 'f32'],
    ['bert', 's8'],
    ['albert', 'f32'],
    ['modernbert', 's8'],
    ['mpnet', 'f32'],
  ] as const)('of %s in %s are those of the cut model', async (name, storage) => {
    const { graph: floats } = (await Golden.open(name)).parts;
    const names = quantizableWeights(floats, { embeddings: true });
    const graph = storage === 'f32' ? floats : quantizeGraph(floats, names, 8);
    const { heads, neurons, fixed, total } = unitBytes(graph);
    expect(total).toBe(bytesOf(graph));
    const units = unitsOf(graph);
    // Two heads and three neurons less in every layer.
    const gone = (part: 'heads' | 'neurons', count: number) =>
      new Map(
        units[part].map((layer, i) => [
          i,
          Array.from({ length: Math.min(count, layer.count - 1) }, (_, u) => u),
        ]),
      );
    const cut = { heads: gone('heads', 2), neurons: gone('neurons', 3) };
    const { graph: made } = cutUnits(graph, cut);
    const predicted = layerShapes(made).reduce(
      (sum, shape, i) => sum + shape.heads * (heads[i] ?? 0) + shape.neurons * (neurons[i] ?? 0),
      fixed,
    );
    if (name === 'mpnet') expect(predicted).toBeGreaterThanOrEqual(bytesOf(made));
    else expect(predicted).toBe(bytesOf(made));
    expect(predicted).toBeLessThanOrEqual(total * 1.1);
  });
});

describe('multiply-adds of units', () => {
  it('are those of the fixture, and gated neurons have three products', async () => {
    const { graph } = (await Golden.open('bert-seqcls')).parts;
    expect(unitMacs(graph, 30)).toEqual({ heads: 45120, neurons: 1920 });
    const gated = (await Golden.open('modernbert')).parts.graph;
    const width = gated.weights.find(({ name }) => /tok_embeddings/.test(name))?.shape[1] ?? 0;
    expect(unitMacs(gated, 10).neurons).toBe(30 * width);
  });
});

describe('cutting layers, heads and neurons at once', () => {
  it('numbers layers as before the cut', async () => {
    const { graph } = (await Golden.open('bert')).parts;
    const own = layerShapes(graph);
    const heads = new Map([
      [0, [0]],
      [2, [1]],
    ]);
    const { graph: made } = cutUnits(graph, { layers: [0], heads, neurons: new Map([[1, [3]]]) });
    expect(layerShapes(made).map((shape) => [shape.heads, shape.neurons])).toEqual([
      [own[1]?.heads, (own[1]?.neurons ?? 0) - 1],
      [(own[2]?.heads ?? 0) - 1, own[2]?.neurons],
    ]);
  });
});
