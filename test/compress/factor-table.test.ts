/** A factorised table of tokens: the best one of its rank, in every family, and refused where it cannot be. */
import { describe, expect, it } from 'vitest';
import { factoredTable } from '../../lib/compress/factor-table.js';
import { factorTable } from '../../lib/graph/rewrite/factor-table.js';
import { native } from '../../lib/native/native.js';
import { outputWidth, runBatch, trimSegments } from '../../lib/runtime/forward.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { floatsOf, readWhole } from '../../lib/runtime/program.js';
import { engine } from '../native/toy.js';
import { embedded, fixtureModel, meanCosine, using, vectorsOf } from './models.js';

engine();

const TEXTS = ['the people of the state', 'of the people', 'for the states'];

async function weightOf({ graph, program }: ModelParts, name: string): Promise<Float32Array> {
  const shape = graph.weights.find((weight) => weight.name === name)?.shape ?? [];
  return program.use('test', async ({ store }) => {
    const [bytes] = await readWhole('test', store, { name, shape }, 'f32');
    return floatsOf(bytes as Uint8Array);
  });
}

/** The rows of the table that the factors make. */
async function tableOf(parts: ModelParts, names: { rows: string; product: string }, rank: number) {
  const [rows, product] = [await weightOf(parts, names.rows), await weightOf(parts, names.product)];
  const [count, width] = [rows.length / rank, product.length / rank];
  return Float64Array.from({ length: count * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    let sum = 0;
    for (let r = 0; r < rank; r++)
      sum += (rows[row * rank + r] ?? 0) * (product[column * rank + r] ?? 0);
    return sum;
  });
}

const squares = (values: ArrayLike<number>) =>
  Array.from(values).reduce((sum, value) => sum + value * value, 0);
const apart = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  squares(Array.from(a, (value, i) => value - (b[i] ?? 0)));

const factored = (model: ModelParts, rank: number, texts?: readonly string[]) =>
  using(model, (program) =>
    factoredTable('test', model, program, rank, { ...(texts && { texts }) }),
  );

describe('factoredTable', () => {
  it('is the nearest table of its rank', async () => {
    const model = await fixtureModel('bert');
    const rank = 6;
    const { graph: _, ...names } = factorTable(model.graph, rank);
    const table = await weightOf(model, names.table);
    const { parts, lost } = await factored(model, rank);
    const made = await tableOf(parts, names, rank);
    const error = apart(table, made) / squares(table);
    expect(error).toBeCloseTo(lost, 5);
    const shape = model.graph.weights.find(({ name }) => name === names.table)?.shape ?? [];
    const [outputs = 0, inputs = 0] = shape;
    const options = { outputs, inputs, rank, scale: null, gram: null, lambda: 0 };
    const { singularValues } = await native().lowRank(table, options);
    const least = squares(singularValues.slice(rank)) / squares(singularValues);
    expect(error).toBeCloseTo(least, 5);
    expect(least).toBeGreaterThan(0.01);
    for (const one of [parts, model]) await one.program.retire();
  });

  it('with texts is nearer for the tokens that occur', async () => {
    const model = await fixtureModel('bert');
    const rank = 3;
    const { graph: _, ...names } = factorTable(model.graph, rank);
    const table = await weightOf(model, names.table);
    const options = { maxTokens: 64, where: 'test' };
    const { ids } = await model.tokenizer.encode(TEXTS, options);
    const width = table.length / model.graph.vocabulary;
    const seenError = async (texts?: readonly string[]) => {
      const { parts } = await factored(model, rank, texts);
      const made = await tableOf(parts, names, rank);
      await parts.program.retire();
      const row = (values: ArrayLike<number>, id: number) =>
        Array.from({ length: width }, (_, i) => values[id * width + i] ?? 0);
      return [...ids].reduce((sum, id) => sum + apart(row(table, id), row(made, id)), 0);
    };
    expect(await seenError(TEXTS)).toBeLessThan(0.9 * (await seenError()));
    await model.program.retire();
  });

  it.each(['bert', 'modernbert', 'mpnet', 'deberta-v2-seqcls', 'albert'])(
    'of %s comes closer to the model with a larger rank',
    async (name) => {
      const model = await fixtureModel(name);
      const wanted = await hiddenOf(model);
      const width = factorTableWidth(model) ?? 0;
      const near: number[] = [];
      for (const rank of [Math.ceil(width / 4), width - 1]) {
        const { parts } = await factored(model, rank, TEXTS);
        near.push(meanCosine(await hiddenOf(parts), wanted));
        await parts.program.retire();
      }
      expect(near[1]).toBeGreaterThan(near[0] ?? 2);
      expect(near[1]).toBeGreaterThan(0.95);
      await model.program.retire();
    },
  );

  it('of MiniLM comes closer to its vectors with each rank', { timeout: 120_000 }, async () => {
    const model = await embedded();
    const wanted = await vectorsOf(model, TEXTS);
    const near: number[] = [];
    const losses: number[] = [];
    for (const rank of [96, 320]) {
      const { parts, lost } = await factored(model, rank);
      expect(parts.graph.vocabulary).toBe(model.graph.vocabulary);
      near.push(meanCosine(await vectorsOf(parts, TEXTS), wanted));
      losses.push(lost);
      await parts.program.retire();
    }
    expect(near).toEqual(near.toSorted((a, b) => a - b));
    expect(near[1]).toBeGreaterThan(0.85);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    await model.program.retire();
  });

  it('is refused for a table that something else reads, a rank out of range, and int8', async () => {
    const model = await fixtureModel('bert');
    const width = factorTableWidth(model) ?? 0;
    for (const rank of [0, width, 1.5])
      expect(() => factorTable(model.graph, rank)).toThrow(`from 1 to ${width - 1}, got ${rank}`);
    const tied = await fixtureModel('bert-mlm', 'masked-lm');
    expect(() => factorTable(tied.graph, 4)).toThrow('is read more than once');
    for (const one of [tied, model]) await one.program.retire();
  });
});

/** The hidden state of each token of the texts. */
async function hiddenOf(parts: ModelParts): Promise<readonly Float32Array[]> {
  const { graph, tokenizer, program } = parts;
  const batch = trimSegments(
    graph,
    await tokenizer.encode(TEXTS, { maxTokens: 64, where: 'test' }),
  );
  const width = outputWidth(graph, 'hidden');
  const data = new Float32Array(batch.ids.length * width);
  await program.use('test', (own) =>
    runBatch(own, batch, 'hidden', data, { where: 'test', signal: undefined }),
  );
  return Array.from(batch.ids, (_, i) => data.subarray(i * width, (i + 1) * width));
}

function factorTableWidth({ graph }: ModelParts): number | undefined {
  const { table } = factorTable(graph, 1);
  return graph.weights.find(({ name }) => name === table)?.shape[1];
}
