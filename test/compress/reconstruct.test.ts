/**
 * Refitting of cut models on real activations, and on small models of other families.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockErrors } from '../../lib/compress/block-errors.js';
import { cutModel, type ModelCut } from '../../lib/compress/cut-model.js';
import { type ReconstructedBlock, reconstructLayers } from '../../lib/compress/reconstruct.js';
import { residualProducts } from '../../lib/graph/rewrite/residual-products.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { embedded, fixtureModel, meanCosine, using, vectorsOf } from './models.js';

/** Every `step`th question of Banking77, from `first` on. */
function questions(first: number, step: number): readonly string[] {
  const path = new URL('../../data/banking77/test.csv', import.meta.url);
  const lines = readFileSync(path, 'utf8').trim().split('\n').slice(1);
  return lines
    .filter((_, i) => i % step === first)
    .map((line) => line.slice(0, line.lastIndexOf(',')).replace(/^"|"$/g, ''));
}

const texts = questions(0, 10);
const held = questions(7, 48);

const everyOther = (count: number) => Array.from({ length: count / 2 }, (_, i) => 2 * i);
const layers = <T>(count: number, of: T) =>
  new Map(Array.from({ length: count }, (_, i) => [i, of]));

/** The parts with these cut out, one after the other. */
async function cutParts(parts: ModelParts, ...cuts: readonly ModelCut[]): Promise<ModelParts> {
  let last = parts;
  for (const cut of cuts) {
    const next = await using(last, (program) => cutModel('test', last, program, cut));
    if (last !== parts) await last.program.retire();
    last = next;
  }
  return last;
}

/** Fits `student` to `original`, and measures both on texts that were held out. */
async function reconstructed(
  student: ModelParts,
  original: ModelParts,
  unseen: readonly string[] = held,
) {
  return using(student, (own) =>
    using(original, async (theirs) => {
      const seen: ReconstructedBlock[] = [];
      const onBlock = (block: ReconstructedBlock) => seen.push(block);
      const [a, b] = [
        { parts: student, program: own },
        { parts: original, program: theirs },
      ];
      const options = { texts, onBlock };
      const fitted = await reconstructLayers('test', a, b, options);
      expect(seen).toEqual(fitted.blocks);
      const before = await blockErrors('test', a, b, { texts: unseen });
      const after = await using(fitted.parts, (program) =>
        blockErrors('test', { parts: fitted.parts, program }, b, { texts: unseen }),
      );
      return { ...fitted, before, after };
    }),
  );
}

const NEURONS: readonly ModelCut[] = [{ neurons: layers(6, everyOther(1536)) }];
const HEADS_AND_NEURONS: readonly ModelCut[] = [
  { heads: layers(6, [0, 3, 6, 9]) },
  {
    neurons: layers(
      6,
      everyOther(1536).filter((i) => i % 4 === 0),
    ),
  },
];

/** Seconds on an idle machine. */
const LONG = { timeout: 300_000 };

describe('reconstructLayers of MiniLM', LONG, () => {
  let model: ModelParts;
  beforeAll(async () => {
    model = await embedded();
  });
  afterAll(() => model.program.retire());

  it.each([
    ['half of the neurons', NEURONS],
    ['a third of the heads and a quarter of the neurons', HEADS_AND_NEURONS],
  ])('without %s: all blocks and the vectors come closer', async (_, cuts) => {
    const student = await cutParts(model, ...cuts);
    const { parts, blocks, before, after } = await reconstructed(student, model);
    expect(blocks).toHaveLength(12);
    const cut = blocks.filter((_, i) => cuts.length > 1 || i % 2 === 1);
    for (const { block, before: old, after: now } of cut) expect(now, block).toBeLessThan(old);
    for (const [i, { block, error }] of after.entries()) {
      const old = before[i]?.error ?? 0;
      // The first attention of a model that lost neurons only is still the original's.
      if (old === 0) expect(error, block).toBe(0);
      else expect(error, block).toBeLessThan(old);
    }
    const wanted = await vectorsOf(model, held);
    const plain = meanCosine(await vectorsOf(student, held), wanted);
    const fitted = meanCosine(await vectorsOf(parts, held), wanted);
    expect(fitted - plain).toBeGreaterThan(0.15);
    await parts.program.retire();
    await student.program.retire();
  });

  it('without half of the neurons: 77 texts do no harm to texts that it has not seen', async () => {
    const student = await cutParts(model, ...NEURONS);
    expect(texts).toHaveLength(77);
    const sets = [held, questions(3, 10), questions(6, 10)];
    const { parts, before, after } = await reconstructed(student, model, sets.flat());
    const sum = (errors: typeof after) => errors.reduce((total, { error }) => total + error, 0);
    expect(sum(after)).toBeLessThan(0.7 * sum(before));
    const worse = after.filter(({ error }, i) => error > (before[i]?.error ?? 0));
    expect(worse.length).toBeLessThanOrEqual(1);
    for (const unseen of sets) {
      const wanted = await vectorsOf(model, unseen);
      const plain = meanCosine(await vectorsOf(student, unseen), wanted);
      const fitted = meanCosine(await vectorsOf(parts, unseen), wanted);
      expect(fitted - plain).toBeGreaterThan(0.15);
    }
    for (const one of [parts, student]) await one.program.retire();
  });

  it('does not change an uncut model by more than rounding', async () => {
    const { parts } = await reconstructed(model, model);
    const cosine = meanCosine(await vectorsOf(parts, held), await vectorsOf(model, held));
    expect(cosine).toBeGreaterThan(0.999999);
    await parts.program.retire();
  });

  it('is cancelled, and refuses wrong options', async () => {
    await using(model, async (program) => {
      const own = { parts: model, program };
      const signal = AbortSignal.abort();
      const call = (options: object) => reconstructLayers('fit', own, own, options as never);
      await expect(call({ texts, signal })).rejects.toMatchObject({ code: 'CANCELLED' });
      const late = new AbortController();
      const stopped = call({ texts, signal: late.signal, onBlock: () => late.abort() });
      await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(call({ texts: [] })).rejects.toThrow('fit: texts must be one text or more, got');
      await expect(call({ texts: 'a' })).rejects.toThrow(TypeError);
      await expect(call({ texts, lambda: -1 })).rejects.toThrow(
        'fit: lambda must be a number from 0',
      );
      await expect(call({ texts, lamda: 1 })).rejects.toThrow('unknown option "lamda"');
    });
  });
});

describe('reconstructLayers of other families', () => {
  it.each([
    ['modernbert', 'embedding', 'hidden'],
    ['deberta-v2-seqcls', 'embedding', 'hidden'],
    ['distilbert-seqcls', 'classification', 'logits'],
    ['mpnet', 'embedding', 'hidden'],
  ] as const)('%s', async (name, task, output) => {
    const model = await fixtureModel(name, task);
    const count = model.graph.nodes.filter(({ op }) => op === 'attention').length;
    const cuts = [{ heads: layers(count, [1]) }, { neurons: layers(count, everyOther(32)) }];
    const student = await cutParts(model, ...cuts);
    const { parts, blocks, before, after } = await reconstructed(student, model);
    expect(blocks).toHaveLength(2 * count);
    for (const { block, before: old, after: now } of blocks) expect(now, block).toBeLessThan(old);
    const sum = (errors: typeof after) => errors.reduce((total, { error }) => total + error, 0);
    expect(sum(after)).toBeLessThan(sum(before));
    expect(parts.graph.outputs[output]).toBeDefined();
    for (const one of [parts, student, model]) await one.program.retire();
  });

  it('refuses albert, whose layers share their weights, and quantized models', async () => {
    const model = await fixtureModel('albert');
    await using(model, async (program) => {
      const own = { parts: model, program };
      const refused = reconstructLayers('fit', own, own, { texts });
      await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
      await expect(refused).rejects.toThrow('fit: layers share the weight encoder.albert_layer');
    });
    await model.program.retire();
  });

  it('finds the products that end blocks, in every family', async () => {
    for (const name of ['bert', 'modernbert', 'albert', 'deberta-v2-seqcls', 'mpnet']) {
      const { graph, program } = await fixtureModel(name);
      const layersOf = graph.nodes.filter(({ op }) => op === 'attention').length;
      expect(residualProducts(graph), name).toHaveLength(2 * layersOf);
      await program.retire();
    }
  });
});
