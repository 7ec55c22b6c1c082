/**
 * The file itself: its structure, its errors, and that a failed export leaves nothing behind.
 */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OnnxOptions } from '../../lib/formats/onnx/onnx-options.js';
import type { WeightSource } from '../../lib/formats/onnx/weights.js';
import { writeOnnx } from '../../lib/formats/onnx/write-onnx.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { mixedGraph, regressionGraph } from '../native/featured-toy.js';
import { type ParsedModel, parseOnnx } from './parse.js';
import { loadModel, quantizedGraph, withFolder } from './support.js';
import { tinyGraph, tinySource } from './tiny.js';

const BERT = 'test/fixtures/encoders/bert';
const CLASSIFIER = 'test/fixtures/encoders/bert-seqcls';
const F32: OnnxOptions = { precision: 'f32', outputs: ['hidden'], producerVersion: '1.2.3' };
const INT8: OnnxOptions = { ...F32, precision: 'int8' };

const tiny = tinyGraph({ vocabulary: 3, width: 2, outputs: 4 });
const source = tinySource(tiny, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8]);

async function exported(
  graph: EncoderGraph,
  weights: WeightSource,
  options: OnnxOptions,
): Promise<ParsedModel> {
  return withFolder(async (folder) => {
    const path = join(folder, 'model.onnx');
    await writeOnnx(path, graph, weights, options);
    return parseOnnx(await readFile(path));
  });
}

const ELEMENT_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8 };

/** Expects that every name is defined once and before its use, and that every constant has the bytes of its shape. */
function checkSound(model: ParsedModel): void {
  const made = new Set<string>();
  const make = (name: string): void => {
    expect(made.has(name), `${name} is made twice`).toBe(false);
    made.add(name);
  };
  for (const input of model.inputs) make(input.name);
  for (const tensor of model.tensors) {
    make(tensor.name);
    const bytes = tensor.dims.reduce((a, b) => a * b, ELEMENT_BYTES[tensor.type] ?? Number.NaN);
    expect(tensor.bytes.length, tensor.name).toBe(bytes);
  }
  const used = new Set(model.outputs.map((output) => output.name));
  for (const node of model.nodes) {
    expect(node.domain, node.op).toBeNull();
    for (const input of node.inputs) {
      expect(made.has(input), `${node.op} uses ${input}`).toBe(true);
      used.add(input);
    }
    for (const output of node.outputs) make(output);
  }
  for (const { name } of model.tensors) expect(used.has(name), `${name} is unused`).toBe(true);
  for (const { name } of model.outputs) expect(made.has(name), name).toBe(true);
}

describe('structure', () => {
  it('is opset 17, IR 8, standard operators, named dynamic axes', async () => {
    const { graph, source } = await loadModel(BERT, { task: 'embedding', pooling: ['mean'] });
    const metadata = { task: 'embedding' };
    const outputs = ['embedding', 'hidden'] as const;
    const model = await exported(graph, source, { ...F32, outputs, metadata });
    checkSound(model);
    expect(model.irVersion).toBe(8);
    expect(model.opsets).toEqual([{ domain: '', version: 17 }]);
    expect(model.producer).toEqual(['sinter', '1.2.3']);
    expect(model.metadata).toEqual(new Map([['task', 'embedding']]));
    const ids = { type: 7, dims: ['batch', 'sequence'] };
    expect(model.inputs).toEqual([
      { name: 'input_ids', ...ids },
      { name: 'attention_mask', ...ids },
      { name: 'token_type_ids', ...ids },
    ]);
    // last_hidden_state stands first whatever the order of the request.
    expect(model.outputs).toEqual([
      { name: 'last_hidden_state', type: 1, dims: ['batch', 'sequence', 20] },
      { name: 'sentence_embedding', type: 1, dims: ['batch', 20] },
    ]);
    const norms = model.nodes.filter((node) => node.op === 'LayerNormalization');
    expect(norms.length).toBe(7);
    for (const norm of norms) {
      expect(norm.attributes.get('epsilon')).toEqual([Math.fround(1e-12)]);
    }
  });

  it('keeps only what the wanted outputs need', async () => {
    const { graph, source } = await loadModel(CLASSIFIER, { task: 'classification' });
    const all = await exported(graph, source, { ...F32, outputs: ['logits'] });
    checkSound(all);
    expect(all.outputs.map((output) => output.name)).toEqual(['logits']);
    expect(all.tensors.some((tensor) => tensor.name === 'classifier.weight.T')).toBe(true);
    const first = await exported(graph, source, { ...F32, outputs: ['hidden.1'] });
    checkSound(first);
    expect(first.outputs.map((output) => output.name)).toEqual(['hidden_states.1']);
    expect(first.tensors.some((tensor) => tensor.name.includes('layer.1'))).toBe(false);
    expect(first.tensors.some((tensor) => tensor.name.includes('classifier'))).toBe(false);
  });

  it('gives one value two names when two outputs are the same', async () => {
    const { graph, source } = await loadModel(BERT, { task: 'embedding' });
    const outputs = ['hidden.3', 'hidden', 'hidden.0'] as const;
    const model = await exported(graph, source, { ...F32, outputs });
    checkSound(model);
    const names = ['last_hidden_state', 'hidden_states.0', 'hidden_states.3'];
    expect(model.outputs.map((output) => output.name)).toEqual(names);
  });

  it('has no token_type_ids where there are no segments', async () => {
    const model = await exported(tiny, source, F32);
    checkSound(model);
    expect(model.inputs.map((input) => input.name)).toEqual(['input_ids', 'attention_mask']);
  });

  it('spells GELU as one operator from opset 20 on', async () => {
    const { graph, source } = await loadModel(BERT, { task: 'embedding' });
    const old = await exported(graph, source, F32);
    const recent = await exported(graph, source, { ...F32, opset: 20 });
    checkSound(recent);
    expect([recent.irVersion, recent.opsets[0]?.version]).toEqual([9, 20]);
    const count = (model: ParsedModel, op: string): number =>
      model.nodes.filter((node) => node.op === op).length;
    expect([count(old, 'Gelu'), count(old, 'Erf')]).toEqual([0, 3]);
    expect([count(recent, 'Gelu'), count(recent, 'Erf')]).toEqual([3, 0]);
  });

  it('quantizes the input of query, key and value once, and stores 8 bits a weight', async () => {
    const { graph, source } = await loadModel(BERT, { task: 'embedding' });
    const model = await exported(quantizedGraph(graph, true), source, INT8);
    checkSound(model);
    const count = (op: string): number => model.nodes.filter((node) => node.op === op).length;
    expect([count('DynamicQuantizeLinear'), count('MatMulInteger')]).toEqual([3 * 4, 3 * 6]);
    const types = new Map(model.tensors.map((tensor) => [tensor.name, tensor.type]));
    expect(types.get('encoder.layer.0.attention.self.key.weight.T_quantized')).toBe(2);
    expect(types.get('embeddings.word_embeddings.weight.quantized')).toBe(3);
    const wide = model.tensors.filter((tensor) => tensor.type === 1 && tensor.dims.length === 2);
    expect(wide.every((tensor) => tensor.dims[1] === 1)).toBe(true);
  });

  it('uint8 weights are the s8 weights plus 128', async () => {
    const graph = quantizedGraph(tiny, false);
    const bits = async (options: OnnxOptions): Promise<Uint8Array | undefined> => {
      const { tensors } = await exported(graph, source, options);
      return tensors.find((tensor) => tensor.name === 'matrix.T_quantized')?.bytes;
    };
    const signed = await bits({ ...INT8, weights: 'int8' });
    const unsigned = await bits(INT8);
    expect(signed?.length).toBe(8);
    expect([...(unsigned ?? [])]).toEqual(
      [...(signed ?? [])].map((byte) => new Int8Array([byte])[0] ?? 0).map((q) => q + 128),
    );
  });
});

describe('errors', () => {
  async function failure(
    graph: EncoderGraph,
    weights: WeightSource,
    options: OnnxOptions,
  ): Promise<unknown> {
    return withFolder(async (folder) => {
      await writeFile(join(folder, 'model.onnx'), 'old');
      const error = await writeOnnx(join(folder, 'model.onnx'), graph, weights, options).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(await readdir(folder)).toEqual(['model.onnx']);
      expect(await readFile(join(folder, 'model.onnx'), 'utf8')).toBe('old');
      return error;
    });
  }

  it('a weight of the wrong length', async () => {
    const short = tinySource(tiny, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await failure(tiny, short, F32)).toMatchObject({
      code: 'CORRUPT_MODEL',
      message: 'ONNX export: weight "table" must have 6 numbers, got 5',
    });
  });

  it('scales of the wrong length, or that are not numbers', async () => {
    const graph = quantizedGraph(tiny, false);
    const scaled = (scales: Float32Array): WeightSource => ({
      ...source,
      s8: async () => ({ data: new Int8Array(8), scales }),
    });
    expect(await failure(graph, scaled(new Float32Array(3)), INT8)).toMatchObject({
      code: 'CORRUPT_MODEL',
      message: 'ONNX export: weight "matrix" must have 4 scales, got 3',
    });
    expect(await failure(graph, scaled(new Float32Array(4).fill(Number.NaN)), INT8)).toMatchObject({
      code: 'CORRUPT_MODEL',
      message: 'ONNX export: weight "matrix" has a scale that is not finite: NaN',
    });
  });

  it('features, alone and beside tokens', async () => {
    for (const graph of [regressionGraph(4, 2), mixedGraph()]) {
      const logits = { ...F32, outputs: ['logits'] } as const;
      expect(await failure(graph, source, logits)).toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringMatching(/^ONNX export: node (features|again) reads features/),
      });
    }
  });

  it('a weight source that fails midway leaves no partial file', async () => {
    const broken: WeightSource = {
      ...source,
      f32: async (name) => {
        if (name === 'matrix') throw new Error('the disk is gone');
        return source.f32(name);
      },
    };
    expect(await failure(tiny, broken, F32)).toMatchObject({ message: 'the disk is gone' });
  });

  it('a folder that does not exist', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'missing', 'model.onnx');
      await expect(writeOnnx(path, tiny, source, F32)).rejects.toThrow(
        `path must be in a folder that exists, got ${JSON.stringify(path).slice(0, 40)}`,
      );
    });
  });

  it('more than 2 GB in one file, before any weight is read', async () => {
    const giant = tinyGraph({ vocabulary: 2 ** 23, width: 64, outputs: 4 });
    const unread: WeightSource = {
      f32: () => Promise.reject(new Error('a weight was read')),
      s8: () => Promise.reject(new Error('a weight was read')),
    };
    const error = await failure(giant, unread, { ...F32, externalData: false });
    expect(error).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    expect(String(error)).toContain('an ONNX file can hold 2147483647');
  });

  it('options that do not fit', async () => {
    expect(await failure(tiny, source, INT8)).toMatchObject({
      name: 'RangeError',
      message: 'precision must be "f32" for a model that is not quantized, got "int8"',
    });
    expect(await failure(tiny, source, { ...F32, outputs: ['logits'] })).toMatchObject({
      name: 'RangeError',
      message: 'outputs must be outputs of this model (hidden), got "logits"',
    });
    expect(await failure(tiny, source, { ...F32, outputs: [] })).toMatchObject({
      message: 'outputs must be one output name or more, got an array of 0',
    });
    const opset = { ...F32, opset: 13 } as unknown as OnnxOptions;
    expect(await failure(tiny, source, opset)).toMatchObject({
      message: 'opset must be one of 14, 15, 16, 17, 18, 19, 20, 21, got 13',
    });
    const weights = { ...F32, weights: 'int4' } as unknown as OnnxOptions;
    expect(await failure(tiny, source, weights)).toMatchObject({
      message: 'weights must be "uint8" or "int8", got "int4"',
    });
  });

  it('a graph that contradicts itself', async () => {
    const [table] = tiny.weights;
    const graph = { ...tiny, weights: table === undefined ? [] : [table] };
    expect(await failure(graph, source, F32)).toMatchObject({ code: 'CORRUPT_MODEL' });
  });
});
