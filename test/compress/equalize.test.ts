/**
 * Equalization: it leaves the arithmetic of the f32 model alone, lowers the error of int8, and survives the folder.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { modelEqualizers } from '../../lib/compress/equalize-model.js';
import { atOnce } from '../../lib/core/turns.js';
import { readAllRows } from '../../lib/data/index.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import {
  columnMagnitudes,
  equalizableNodes,
  equalizerOf,
  withEqualizers,
} from '../../lib/graph/rewrite/equalize.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../../lib/graph/types.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { insideOf } from '../../lib/models/text-model.js';
import { forwardTexts } from '../../lib/runtime/forward.js';
import { buildProgram, bytesOf } from '../../lib/runtime/program.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
const SAMPLE = fileURLToPath(new URL('../../data/banking77/test.csv', import.meta.url));
const TEXTS = ['the people', 'a red car', '', 'What is Deep Learning?'];

/**
 * The graph with every equalizer as a product of its own, with a diagonal matrix: an f32 graph that must compute what the
 * original computes.
 */
function withDiagonals(graph: EncoderGraph, products: ReadonlyMap<string, Float32Array>) {
  const added: WeightSpec[] = [];
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    const width = products.get(node.output)?.length;
    if (node.op !== 'linear' || width === undefined) return [node];
    const diagonal = {
      name: `${node.output}.diagonal`,
      shape: [width, width],
      dtype: 'f32',
    } as const;
    added.push(diagonal);
    const output = `${node.output}.equalized`;
    const first = { weights: [diagonal.name], biases: [], activation: 'none', output } as const;
    return [
      { ...node, ...first },
      { ...node, input: output },
    ];
  });
  return { ...graph, nodes, weights: [...graph.weights, ...added] };
}

function diagonal(values: Float32Array): Float32Array {
  const matrix = new Float32Array(values.length ** 2);
  for (const [i, value] of values.entries()) matrix[i * values.length + i] = value;
  return matrix;
}

describe('equalizerOf', () => {
  it('gives both sides the same range in every channel', () => {
    const inputs = Float32Array.of(100, 1, 4, 0.25);
    const weights = Float32Array.of(1, 1, 0.25, 4);
    const e = equalizerOf(inputs, weights);
    const ratio = (i: number) =>
      ((inputs[i] ?? 0) * (e[i] ?? 0)) / ((weights[i] ?? 0) / (e[i] ?? 0));
    for (const i of [1, 2, 3]) expect(ratio(i) / ratio(0)).toBeCloseTo(1, 5);
    expect(Math.min(...e) * Math.max(...e)).toBeCloseTo(1, 5);
  });

  it('leaves channels of zeros alone and has bounds', () => {
    expect([...equalizerOf(Float32Array.of(0, 0, 2), Float32Array.of(0, 1, 0))]).toEqual([1, 1, 1]);
    const extreme = equalizerOf(Float32Array.of(1e30, 1e-30, Infinity), Float32Array.of(1, 1, 1));
    expect([...extreme]).toEqual([1 / 256, 256, 1]);
  });

  it('columns: largest magnitudes', () => {
    const values = Float32Array.of(1, -6, -3, 4);
    const largest = Float32Array.of(2, 0);
    atOnce(columnMagnitudes(values, largest));
    expect([...largest]).toEqual([3, 6]);
  });
});

describe('equalize', () => {
  it('takes the products that read a norm, and only s8 ones', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const { graph } = insideOf(model).parts;
    const products = equalizableNodes(graph).map((node) => node.output);
    expect(products).toEqual([0, 1].flatMap((i) => [`layer.${i}.qkv`, `layer.${i}.intermediate`]));
    await using small = await model.quantize();
    expect(small.quantization?.equalized).toBe(4);
    const { nodes: all } = insideOf(small).parts.graph;
    const nodes = all.filter((node) => 'equalizer' in node);
    expect(nodes.map((node) => node.output)).toEqual(products);
    await using plain = await model.quantize({ equalize: false });
    expect(plain.quantization?.equalized).toBe(0);
    expect((await small.info()).parameters).toBe((await model.info()).parameters);
    expect(() => withEqualizers(graph, new Set(products))).toThrow(/needs s8 weights/);
    await expect(model.quantize({ equalize: 'yes' as never })).rejects.toThrow(TypeError);
  });

  it('computes what the f32 model computes', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    const { parts, use } = insideOf(model);
    await use('test', async (program) => {
      const equalizers = await modelEqualizers('test', parts, program, undefined);
      for (const values of equalizers.values()) expect(Math.max(...values)).toBeGreaterThan(1.2);
      const graph = withDiagonals(parts.graph, equalizers);
      const divisors = new Map(
        parts.graph.nodes.flatMap((node) =>
          node.op === 'linear'
            ? node.weights.map((name) => [name, equalizers.get(node.output)])
            : [],
        ),
      );
      const equalized = await buildProgram(graph, { trainable: false }, (target, { name }) => {
        const output = name.replace(/\.diagonal$/, '');
        const own = equalizers.get(output);
        const values = own === undefined ? program.store.readWeight(name) : diagonal(own);
        const divisor = divisors.get(name);
        for (const i of divisor === undefined ? [] : values.keys())
          values[i] = (values[i] ?? 0) / (divisor?.[i % divisor.length] ?? 1);
        target.writeWeight(name, 0, 'f32', bytesOf(values));
      });
      const request = {
        ...({ where: 'test', output: 'logits', priority: 'bulk' } as const),
        ...{ maxTokens: 64, truncate: true, signal: undefined },
      };
      const theirs = await forwardTexts(equalized, parts.tokenizer, graph, TEXTS, request);
      const ours = await model.logits(TEXTS);
      for (const [i, value] of ours.data.entries()) {
        expect(Math.abs(value - (theirs.data[i] ?? Number.NaN))).toBeLessThan(1e-5);
      }
      equalized.dispose();
    });
  });

  it('about halves 1 - cosine to f32, at both widths, on 200 texts of the Banking77 sample', async () => {
    const rows = await readAllRows(SAMPLE);
    const texts = rows.slice(0, 200).map(({ text }) => String(text));
    await using encoder = await Encoder.load();
    const exact = await encoder.embed(texts);
    const error = async (activationBits: 8 | 7, equalize: boolean) => {
      await using small = await encoder.quantize({ activationBits, equalize });
      const vectors = await small.embed(texts);
      const cosines = texts.map((_, i) => {
        const other = vectors.row(i);
        return exact.row(i).reduce((sum, value, j) => sum + value * (other[j] ?? 0), 0);
      });
      return 1 - cosines.reduce((sum, value) => sum + value, 0) / texts.length;
    };
    const [wide, wideEqualized] = [await error(8, false), await error(8, true)];
    const [narrow, narrowEqualized] = [await error(7, false), await error(7, true)];
    const all = JSON.stringify({ wide, wideEqualized, narrow, narrowEqualized });
    expect(wide, all).toBeLessThan(2e-3);
    expect(narrow, all).toBeLessThan(6e-3);
    expect(wideEqualized / wide, all).toBeLessThan(0.7);
    expect(narrowEqualized / narrow, all).toBeLessThan(0.6);
  });
});

describe('equalizers in a folder', () => {
  it('are kept as f32, also beside f16, and give the same bits again', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await using small = await model.quantize();
    const { data } = await small.logits(TEXTS);
    for (const dtype of ['f32', 'f16'] as const) {
      const folder = join(await temporaryFolder(), 'model');
      await small.save(folder, { dtype });
      const file = await openSafetensors(join(folder, 'model.safetensors'));
      const names = [...file.tensors.keys()].filter((name) => name.endsWith('_equalizer'));
      expect(names).toHaveLength(4);
      for (const name of names)
        expect(file.tensors.get(name)).toMatchObject({ dtype: 'F32', shape: [32] });
      await file.close();
      await using loaded = await Classifier.load(folder);
      expect(loaded.quantization).toEqual(small.quantization);
      if (dtype === 'f32') expect((await loaded.logits(TEXTS)).data).toEqual(data);
    }
  });

  it('are refused where they do not fit', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await using small = await model.quantize();
    const folder = join(await temporaryFolder(), 'model');
    await small.save(folder);
    const path = join(folder, 'model.safetensors');
    const original = await openSafetensors(path);
    const tensors: TensorToWrite[] = [];
    for (const [name, { dtype, shape }] of original.tensors) {
      tensors.push({ name, dtype, shape, data: await original.readBytes(name) });
    }
    await original.close();
    const query = 'bert.encoder.layer.0.attention.self.query.weight_equalizer';
    const loadWith = async (change: Partial<TensorToWrite>) => {
      const changed = tensors.map((tensor) =>
        tensor.name === query ? { ...tensor, ...change } : tensor,
      );
      await writeSafetensors(path, changed);
      return Classifier.load(folder);
    };
    const elsewhere = { name: query.replace('query', 'key') };
    await expect(loadWith(elsewhere)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining('key.weight must have no equalizer'),
    });
    await expect(loadWith({ shape: [2, 16] })).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining('query.weight_equalizer must be F32 [32]'),
    });
    await using same = await loadWith({});
    expect(same.quantization?.equalized).toBe(4);
  });
});
