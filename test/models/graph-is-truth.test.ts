/**
 * Models that no config.json can say: a BERT with heads, neurons and layers taken out, and an ONNX file of no family. Each is a model
 * like any other: it embeds, takes a head, is trained, quantized, saved, loaded, exported and imported again.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { insideOf } from '../../lib/models/text-model.js';
import { programOver } from '../../lib/runtime/program.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { cutFolder, cutInto } from './cut-folder.js';
import { runOnnx } from './run-onnx.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

const TEXTS = ['a red car', 'What is Deep Learning?', 'the people of the united states', 'red'];
const ROWS = TEXTS.map((text, i) => ({ text, label: i % 2 === 0 ? 'a' : 'b' }));

let shared = '';
beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'sinter-truth-'));
});
afterAll(() => rm(shared, { recursive: true, force: true }));

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(b.length).toBe(a.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
}

async function configOf(folder: string): Promise<JsonObject> {
  return JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as JsonObject;
}

async function logitsOf(model: Classifier): Promise<number[]> {
  const rows = await model.predict(TEXTS);
  return rows.flatMap(({ scores }) => Object.values(scores));
}

/** Tests the whole life of a model. `where` gives its folder, `load` the options that loading it needs. */
function lives(where: () => string, load: object): void {
  it('embeds, and gives the same bits when it was saved and loaded again', async () => {
    await using encoder = await Encoder.load(where(), load);
    const vectors = await encoder.embed(TEXTS);
    expect(vectors.rows).toBe(TEXTS.length);
    const again = join(await temporaryFolder(), 'again');
    await encoder.save(again);
    await using loaded = await Encoder.load(again, load);
    expect(await loaded.embed(TEXTS)).toEqual(vectors);
  });

  it('gets a classifier that is trained, quantized, saved and loaded with equal bits', async () => {
    await using encoder = await Encoder.load(where(), load);
    await using model = await encoder.classifier({ labels: ['a', 'b'], seed: 3 });
    const before = await logitsOf(model);
    const { epochs } = await model.train(ROWS, {
      epochs: 3,
      batchSize: 2,
      learningRate: 1e-3,
      seed: 1,
    });
    expect(epochs.at(-1)?.trainLoss).toBeLessThan(epochs[0]?.trainLoss ?? 0);
    const trained = await logitsOf(model);
    expect(trained).not.toEqual(before);
    const folder = await temporaryFolder();
    await model.save(join(folder, 'f32'));
    await using f32 = await Classifier.load(join(folder, 'f32'));
    expect(await logitsOf(f32)).toEqual(trained);
    await using small = await model.quantize();
    const int8 = await logitsOf(small);
    expect(farthest(trained, int8)).toBeLessThan(0.1);
    await small.save(join(folder, 'int8'));
    await using loaded = await Classifier.load(join(folder, 'int8'));
    expect(await logitsOf(loaded)).toEqual(int8);
    expect((await loaded.info()).quantized).toBe(true);
  });

  it('is exported as ONNX, which ONNX Runtime agrees with, and comes back from it', async () => {
    await using encoder = await Encoder.load(where(), load);
    const vectors = await encoder.embed(TEXTS);
    const path = join(await temporaryFolder(), 'model.onnx');
    await encoder.exportOnnx(path);
    expect(
      farthest(vectors.data, await runOnnx(path, encoder, 'sentence_embedding', TEXTS)),
    ).toBeLessThan(1e-5);
    const { tokenizer } = insideOf(encoder).parts;
    for (const [name, text] of tokenizer.files) await writeFile(join(path, '..', name), text);
    await using back = await Encoder.load(path);
    expect(farthest(vectors.data, (await back.embed(TEXTS)).data)).toBeLessThan(1e-5);
  });
}

describe('a BERT with uneven heads and neurons', () => {
  let folder = '';

  beforeAll(async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const half = Array.from({ length: 16 }, (_, i) => 2 * i);
    folder = await cutInto(
      join(shared, 'cut'),
      encoder,
      { heads: new Map([[0, [1]]]) },
      { neurons: new Map([[1, half]]) },
    );
  });

  it('is written as sinter.json, because no config.json says it', async () => {
    expect(existsSync(join(folder, 'config.json'))).toBe(false);
    const file = JSON.parse(await readFile(join(folder, 'sinter.json'), 'utf8')) as JsonObject;
    expect(Object.keys(file)).toEqual(['format', 'model', 'settings']);
    expect(file.settings).not.toHaveProperty('intermediate_size');
  });

  it('computes what the whole one does whose cut heads and neurons count nothing', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    await using cut = await Encoder.load(folder, { pooling: 'mean' });
    const { parts, use } = insideOf(encoder);
    const projection = 'encoder.layer.0.attention.output.dense.weight';
    const down = 'encoder.layer.1.output.dense.weight';
    const silenced = await use('silence', async ({ store }) => {
      const { native } = await import('../../lib/native/native.js');
      const written = new Set([projection, down]);
      const weights = parts.graph.weights.map((weight) =>
        written.has(weight.name) ? weight : { ...weight, from: { store, name: weight.name } },
      );
      const own = new (native().Store)(weights);
      const program = new (native().Program)(parts.graph, own, { trainable: false });
      for (const name of written) {
        const values = store.readWeight(name);
        const width = name === projection ? 20 : 32;
        values.forEach((_, i) => {
          const column = i % width;
          const isCut = name === projection ? column >= 5 && column < 10 : column % 2 === 0;
          if (isCut) values[i] = 0;
        });
        own.writeWeight(name, 0, 'f32', new Uint8Array(values.buffer));
      }
      await program.seal();
      return program;
    });
    const { forwardTexts } = await import('../../lib/runtime/forward.js');
    const expected = await forwardTexts(silenced, parts.tokenizer, parts.graph, TEXTS, {
      where: 'test',
      output: 'embedding',
      maxTokens: 64,
      truncate: true,
      priority: 'bulk',
      signal: undefined,
    });
    silenced.dispose();
    expect(await cut.embed(TEXTS)).toEqual(expected);
  });

  lives(() => folder, { pooling: 'mean' });

  it('takes every other kind of head', async () => {
    const { TokenClassifier } = await import('../../lib/models/token-classifier.js');
    const { QuestionAnswerer } = await import('../../lib/models/question-answerer.js');
    const { MaskedLM } = await import('../../lib/models/masked-lm.js');
    await using tagger = await TokenClassifier.load(folder, { labels: ['O', 'B-X'] });
    expect((await tagger.info()).untrained).toEqual(['classifier.weight', 'classifier.bias']);
    await using answerer = await QuestionAnswerer.load(folder, { newHead: true });
    expect((await answerer.info()).untrained).toEqual(['qa_outputs.weight', 'qa_outputs.bias']);
    await using masked = await MaskedLM.load(folder, { newHead: true });
    const untrained = (await masked.info()).untrained;
    expect(untrained).toContain('lm_head.bias');
    expect(untrained).not.toContain('embeddings.word_embeddings.weight');
  });

  it('keeps a trained head unless it is told otherwise', async () => {
    await using encoder = await Encoder.load(folder, { pooling: 'mean' });
    await using model = await encoder.classifier({ labels: ['a', 'b', 'c'] });
    const saved = join(await temporaryFolder(), 'model');
    await model.save(saved);
    await using same = await Classifier.load(saved, { labels: ['x', 'y', 'z'] });
    expect(same.labels).toEqual(['x', 'y', 'z']);
    await expect(Classifier.load(saved, { labels: ['x', 'y'] })).rejects.toThrow(
      /head has 3 classes/,
    );
    await using fresh = await Classifier.load(saved, { labels: ['x', 'y'], newHead: true });
    expect((await fresh.info()).untrained).toContain('classifier.weight');
    expect(fresh.labels).toEqual(['x', 'y']);
  });
});

describe('a BERT with fewer layers', () => {
  it('is a plain BERT again, with the layers numbered anew', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const folder = await cutFolder(encoder, { layers: [1] });
    expect(await configOf(folder)).toMatchObject({ model_type: 'bert', num_hidden_layers: 2 });
    await using small = await Encoder.load(folder, { pooling: 'mean' });
    expect((await small.info()).layers).toBe(2);
    // The same result as a program with the remaining layers over the weights of the whole model.
    const { parts, use } = insideOf(encoder);
    const { dropLayers } = await import('../../lib/graph/rewrite/drop-layers.js');
    const { forwardTexts } = await import('../../lib/runtime/forward.js');
    const graph = dropLayers(parts.graph, [1]);
    const expected = await use('drop', async ({ store }) => {
      const program = await programOver(graph, store, { trainable: false });
      const options = {
        where: 'test',
        output: 'embedding',
        maxTokens: 64,
        truncate: true,
        priority: 'bulk',
        signal: undefined,
      } as const;
      const vectors = await forwardTexts(program, parts.tokenizer, graph, TEXTS, options);
      program.dispose();
      return vectors;
    });
    expect(await small.embed(TEXTS)).toEqual(expected);
  });

  it('of one width everywhere is a plain BERT with that width', async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const same = Array.from({ length: 12 }, (_, i) => i);
    const folder = await cutFolder(encoder, {
      neurons: new Map([0, 1, 2].map((layer) => [layer, same])),
    });
    expect(await configOf(folder)).toMatchObject({ model_type: 'bert', intermediate_size: 20 });
  });
});

describe('other families', () => {
  it.each([
    'distilbert-seqcls',
    'roberta-seqcls',
    'modernbert',
    'mpnet',
    'deberta-v2-seqcls',
    'electra-seqcls',
  ])('%s: heads, neurons and layers are cut, saved and loaded', async (name) => {
    await using encoder = await Encoder.load(fixture(name), { pooling: 'mean' });
    const folder = await cutFolder(
      encoder,
      { heads: new Map([[0, [0]]]) },
      { neurons: new Map([[0, [1, 3]]]) },
      { layers: [1] },
    );
    await using cut = await Encoder.load(folder, { pooling: 'mean' });
    const vectors = await cut.embed(TEXTS);
    expect(vectors.data.every(Number.isFinite)).toBe(true);
    const path = join(await temporaryFolder(), 'model.onnx');
    await cut.exportOnnx(path);
    expect(
      farthest(vectors.data, await runOnnx(path, cut, 'sentence_embedding', TEXTS)),
    ).toBeLessThan(1e-5);
  });

  it('whose layers share their weights are cut alike or not at all', async () => {
    await using encoder = await Encoder.load(fixture('albert'), { pooling: 'mean' });
    const one = cutFolder(encoder, { heads: new Map([[0, [0]]]) });
    await expect(one).rejects.toThrow(RangeError);
    await expect(one).rejects.toThrow(/is shared with .*: cut both alike/);
    const layers = (await encoder.info()).layers;
    const all = new Map(Array.from({ length: layers }, (_, layer) => [layer, [0]]));
    const folder = await cutFolder(encoder, { heads: all });
    await using cut = await Encoder.load(folder, { pooling: 'mean' });
    expect((await cut.embed(TEXTS)).data.every(Number.isFinite)).toBe(true);
  });
});

describe('an ONNX file of no family', () => {
  let file = '';

  beforeAll(async () => {
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    const cuts = { heads: new Map([[2, [0, 3]]]) };
    const folder = await cutInto(join(shared, 'other'), encoder, cuts);
    await using cut = await Encoder.load(folder, { pooling: 'mean' });
    file = join(shared, 'model.onnx');
    await cut.exportOnnx(file);
    const { tokenizer } = insideOf(cut).parts;
    for (const [name, text] of tokenizer.files) await writeFile(join(file, '..', name), text);
  });

  lives(() => file, {});
});
