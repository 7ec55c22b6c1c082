/** Fewer channels in the residual stream: in every family that allows it, with the channels that count most. */
import { describe, expect, it } from 'vitest';
import { narrowedHidden } from '../../lib/compress/narrow-hidden.js';
import { narrowHidden, residualValues } from '../../lib/graph/rewrite/narrow-hidden.js';
import { validateGraph } from '../../lib/graph/validate.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { deriveProgram } from '../../lib/runtime/program.js';
import { SharedProgram } from '../../lib/runtime/shared-program.js';
import { engine } from '../native/toy.js';
import { embedded, fixtureModel, meanCosine, using, vectorsOf } from './models.js';

engine();

const TEXTS = [
  ...['the people of the state', 'of the people and for us', 'for the states that are ours'],
  ...['that is the way of it', 'we are the people', 'in that state and to us'],
];

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

const narrowed = (model: ModelParts, size: number) =>
  using(model, (program) => narrowedHidden('test', model, program, size, { texts: TEXTS }));

/** The model with these channels, and nothing adapted. */
async function plainly(model: ModelParts, kept: readonly number[]): Promise<ModelParts> {
  const { graph, cuts, widening } = narrowHidden(model.graph, kept);
  const width = validateGraph(model.graph).get(residualValues(model.graph)[0] ?? '')?.width ?? 0;
  const matrix = new Float32Array(width * kept.length);
  for (const [i, channel] of kept.entries()) matrix[channel * kept.length + i] = 1;
  const written = new Map(widening === null ? [] : [[widening, matrix] as const]);
  const program = await using(model, ({ store }) =>
    deriveProgram(graph, store, { trainable: false, where: 'test' }, { cuts, written }),
  );
  return { ...model, graph, program: new SharedProgram(program) };
}

describe('narrowedHidden', () => {
  it.each([
    ['bert', 'embedding'],
    ['distilbert-seqcls', 'classification'],
    ['modernbert', 'embedding'],
    ['mpnet', 'embedding'],
  ] as const)('of %s has its channels everywhere, and runs', async (name, task) => {
    const model = await fixtureModel(name, task);
    const width = validateGraph(model.graph).get(residualValues(model.graph)[0] ?? '')?.width ?? 0;
    const { parts, kept } = await narrowed(model, width - 4);
    expect(kept).toHaveLength(width - 4);
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
    const shapes = validateGraph(parts.graph);
    for (const value of residualValues(parts.graph))
      if (shapes.get(value)?.kind === 'token') expect(shapes.get(value)?.width).toBe(width - 4);
    const { output } = parts.graph.nodes.find(({ op }) => op === 'attention') ?? {};
    const before = validateGraph(model.graph);
    expect(shapes.get(output ?? '')?.width).toBe(before.get(output ?? '')?.width);
    if (task === 'classification') {
      const [logits] = await vectorsOf(parts, TEXTS, 'logits');
      expect(logits?.every(Number.isFinite)).toBe(true);
    }
    for (const one of [parts, model]) await one.program.retire();
  });

  it('of MiniLM keeps the width of its vectors, and is nearer than with other channels', {
    timeout: 120_000,
  }, async () => {
    const model = await embedded();
    const wanted = await vectorsOf(model, TEXTS);
    const near = async (parts: ModelParts) => {
      const found = await vectorsOf(parts, TEXTS);
      expect(found[0]).toHaveLength(384);
      await parts.program.retire();
      return meanCosine(found, wanted);
    };
    const [small, large] = [await narrowed(model, 256), await narrowed(model, 368)];
    const plain = await plainly(model, large.kept);
    const first = await plainly(model, range(368));
    const [ofSmall, ofLarge, ofPlain, ofFirst] = [
      await near(small.parts),
      await near(large.parts),
      await near(plain),
      await near(first),
    ];
    expect(ofLarge).toBeGreaterThan(ofSmall);
    expect(ofLarge).toBeGreaterThan(ofPlain);
    expect(ofPlain).toBeGreaterThan(ofFirst);
    await model.program.retire();
  });

  it('is refused for streams that something else reads, and sizes out of range', async () => {
    const model = await fixtureModel('deberta-v2-seqcls', 'classification');
    expect(() => residualValues(model.graph)).toThrow('cannot have fewer channels');
    // Its stream begins behind a product that widens the table.
    const albert = await fixtureModel('albert');
    expect(() => residualValues(albert.graph)).toThrow('cannot have fewer channels');
    const bert = await fixtureModel('bert');
    await expect(narrowed(bert, 0)).rejects.toThrow('test: the hidden size must be from 1 to');
    await expect(narrowed(bert, 4096)).rejects.toThrow('got 4096');
    for (const one of [model, albert, bert]) await one.program.retire();
  });
});
