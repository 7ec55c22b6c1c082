// BERT checkpoints as graphs: structure, names, heads, round trip of config.json, and refusals.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configFromGraph, graphFromCheckpoint } from '../../lib/architectures/index.js';
import type { JsonObject, JsonValue } from '../../lib/core/json.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import type { Checkpoint } from '../../lib/graph/checkpoint.js';
import { PLAIN_SENTENCE } from '../../lib/graph/sentence.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { written } from './written.js';

async function checkpoint(name: string): Promise<Checkpoint> {
  const folder = await readHfFolder(
    fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url)),
  );
  await folder.close();
  return folder;
}

const withConfig = (from: Checkpoint, change: Readonly<Record<string, JsonValue | undefined>>) => {
  const entries = Object.entries({ ...from.config, ...change });
  const config = Object.fromEntries(
    entries.filter(([, value]) => value !== undefined),
  ) as JsonObject;
  return { ...from, path: 'M', config };
};

const MEAN = {
  ...PLAIN_SENTENCE,
  pooling: ['mean'],
  modules: [{ kind: 'normalize' }],
  maxTokens: 48,
} as const;

describe('a BERT checkpoint as an encoder', () => {
  it('has the operations in the order they run', async () => {
    const { graph, created } = graphFromCheckpoint(await checkpoint('bert'), { task: 'embedding' });
    const layer = 'linear attention linear dropout norm linear linear dropout norm'.split(' ');
    const ops = graph.nodes.map(({ op }) => op);
    const pooler = ['pool', 'linear'];
    expect(ops).toEqual(['embedding', 'norm', 'dropout', ...layer, ...layer, ...layer, ...pooler]);
    expect(created).toEqual([]);
    expect(Object.keys(graph.outputs)).toEqual(
      'hidden.0 hidden.1 hidden.2 hidden.3 hidden pooled'.split(' '),
    );
    const shapes = validateGraph(graph);
    expect(shapes.get('layer.0.qkv')).toEqual({ kind: 'token', width: 60, rows: 0 });
    expect(shapes.get('pooled')).toEqual({ kind: 'sequence', width: 20, rows: 0 });
  });

  it('uses every parameter that PyTorch lists, under the same name', async () => {
    for (const [name, task] of [
      ['bert', 'embedding'],
      ['bert-seqcls', 'classification'],
      ['bert-relu', 'classification'],
      ['bert-gelu-new', 'classification'],
    ] as const) {
      const golden = JSON.parse(
        readFileSync(new URL(`../fixtures/encoders/${name}/golden.json`, import.meta.url), 'utf8'),
      ) as { parameters: string[] };
      const { graph, sources } = graphFromCheckpoint(await checkpoint(name), { task });
      const names = graph.weights.map((weight) => weight.name);
      expect([...names].sort()).toEqual([...golden.parameters].sort());
      expect([...sources]).toEqual(names.map((weight) => [weight, weight]));
    }
  });

  it('pools as the sentence-transformers files say, and not at all without them', async () => {
    const plain = await checkpoint('bert');
    expect(
      graphFromCheckpoint(plain, { task: 'embedding' }).graph.outputs.embedding,
    ).toBeUndefined();
    const sentence = { ...plain, sentence: MEAN };
    const { graph } = graphFromCheckpoint(sentence, { task: 'embedding' });
    expect(graph.outputs.embedding).toBe('sentence.normalized');
    expect(graph.maxTokens).toBe(48);
    const other = graphFromCheckpoint(sentence, {
      task: 'embedding',
      pooling: ['cls'],
      normalize: false,
      maxTokens: 16,
    });
    expect(other.graph.outputs.embedding).toBe('sentence');
    expect(other.graph.nodes.find(({ output }) => output === 'sentence')).toMatchObject({
      kind: 'cls',
    });
    expect(other.graph.maxTokens).toBe(16);
  });

  it('is found below the bert. prefix, under legacy names, and without a pooler', async () => {
    const seqcls = await checkpoint('bert-seqcls');
    const tensors = new Map(
      [...seqcls.tensors]
        .filter(([name]) => !name.startsWith('bert.pooler.'))
        .map(([name, info]) => [
          name
            .replace('LayerNorm.weight', 'LayerNorm.gamma')
            .replace('LayerNorm.bias', 'LayerNorm.beta'),
          info,
        ]),
    );
    const model = graphFromCheckpoint({ ...seqcls, tensors }, { task: 'embedding' });
    expect(model.graph.outputs.pooled).toBeUndefined();
    expect(model.sources.get('embeddings.LayerNorm.weight')).toBe(
      'bert.embeddings.LayerNorm.gamma',
    );
    expect(model.sources.get('encoder.layer.1.output.LayerNorm.bias')).toBe(
      'bert.encoder.layer.1.output.LayerNorm.beta',
    );
    expect(written(model).architectures).toEqual(['BertModel']);
    expect(written(model)).not.toHaveProperty('id2label');
  });
});

describe('a BERT checkpoint as a classifier', () => {
  it('keeps a trained head and its labels', async () => {
    const model = graphFromCheckpoint(await checkpoint('bert-seqcls'), { task: 'classification' });
    expect(model.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    expect(model.created).toEqual([]);
    expect(model.graph.outputs.logits).toBe('logits');
    const again = { task: 'classification', labels: ['LABEL_0', 'LABEL_1', 'LABEL_2'] } as const;
    expect(graphFromCheckpoint(await checkpoint('bert-seqcls'), again).created).toEqual([]);
  });

  it('gets a head where it has none, and another in place of its own when told so', async () => {
    const request = { task: 'classification', labels: ['spam', 'ham'] } as const;
    const model = graphFromCheckpoint(await checkpoint('bert'), request);
    expect(model.created).toEqual([
      { name: 'classifier.weight', shape: [2, 20], init: { kind: 'normal', deviation: 0.2 } },
      { name: 'classifier.bias', shape: [2], init: { kind: 'zero' } },
    ]);
    expect(model.sources.get('bert.pooler.dense.weight')).toBe('pooler.dense.weight');
    expect(written(model)).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'spam', 1: 'ham' },
      label2id: { spam: 0, ham: 1 },
      problem_type: 'single_label_classification',
    });
    const seqcls = await checkpoint('bert-seqcls');
    const named = { task: 'classification', labels: ['a', 'b', 'c'] } as const;
    const renamed = graphFromCheckpoint(seqcls, named);
    expect([renamed.created, renamed.labels]).toEqual([[], ['a', 'b', 'c']]);
    expect(written(renamed).label2id).toEqual({ a: 0, b: 1, c: 2 });
    const replaced = graphFromCheckpoint(seqcls, { ...named, newHead: true });
    expect(replaced.created.map(({ name }) => name)).toEqual([
      'classifier.weight',
      'classifier.bias',
    ]);
  });

  it('is made from an encoder in memory, with a new pooler where it has none', async () => {
    const base = await checkpoint('bert');
    const encoder = graphFromCheckpoint(base, { task: 'embedding' });
    const tensors = new Map(
      encoder.graph.weights
        .filter(({ name }) => !name.startsWith('pooler.'))
        .map(({ name, shape }) => [name, { dtype: 'F32', shape }]),
    );
    const from = { path: 'encoder', config: written(encoder), tensors, sentence: null };
    const model = graphFromCheckpoint(from, { task: 'classification', labels: ['x', 'y'] });
    expect(model.created.map(({ name, init }) => [name, init.kind])).toEqual([
      ['bert.pooler.dense.weight', 'normal'],
      ['bert.pooler.dense.bias', 'zero'],
      ['classifier.weight', 'normal'],
      ['classifier.bias', 'zero'],
    ]);
    expect(model.sources.size + model.created.length).toBe(model.graph.weights.length);
  });

  it('drops classifier_dropout ?? hidden_dropout_prob before the head', async () => {
    const base = await checkpoint('bert');
    for (const [stated, hidden, expected] of [
      [0.3, 0.1, 0.3],
      [null, 0.2, 0.2],
      [undefined, 0.2, 0.2],
    ] as const) {
      const changed = withConfig(base, { classifier_dropout: stated, hidden_dropout_prob: hidden });
      const { graph, config } = graphFromCheckpoint(changed, {
        task: 'classification',
        labels: ['x', 'y'],
      });
      const dropout = graph.nodes.find(({ output }) => output === 'head.dropped');
      expect(dropout).toMatchObject({ op: 'dropout', probability: expected });
      expect(config.classifier_dropout).toBe(stated);
    }
  });

  it('is refused without a head or labels, and for other kinds of heads', async () => {
    const request = { task: 'classification' } as const;
    const bert = await checkpoint('bert');
    expect(() => graphFromCheckpoint(bert, request)).toThrow(/no trained classifier; give labels/);
    const other = withConfig(await checkpoint('bert-seqcls'), { problem_type: 'ranking' });
    expect(() => graphFromCheckpoint(other, request)).toThrow(/problem_type "ranking"/);
    for (const labels of [['a'], ['a', 'a']]) {
      expect(() => graphFromCheckpoint(bert, { ...request, labels })).toThrow(RangeError);
    }
  });
});

describe('config.json', () => {
  it('comes back from the graph, unknown keys included', async () => {
    for (const name of ['bert', 'bert-seqcls', 'bert-relu', 'bert-gelu-new']) {
      const from = withConfig(await checkpoint(name), { my_key: { kept: [1] } });
      const task = name === 'bert' ? 'embedding' : 'classification';
      const model = graphFromCheckpoint(from, { task });
      const { graph, config } = model;
      const { dtype: _, ...expected } = from.config;
      expect(config).toEqual(from.config);
      expect(configFromGraph(graph, config, model)).toEqual(expected);
    }
  });

  it('keeps gelu_pytorch_tanh and follows a graph that has become smaller', async () => {
    const from = withConfig(await checkpoint('bert-seqcls'), { hidden_act: 'gelu_pytorch_tanh' });
    const model = graphFromCheckpoint(from, { task: 'classification' });
    const { graph, config } = model;
    expect(config.hidden_act).toBe('gelu_pytorch_tanh');
    const narrowed = (layers: string) => ({
      ...graph,
      weights: graph.weights.map((weight) =>
        weight.name.includes(layers)
          ? { ...weight, shape: weight.shape.map((size) => (size === 64 ? 40 : size)) }
          : weight,
      ),
    });
    expect(configFromGraph(narrowed('encoder.layer.'), config, model).intermediate_size).toBe(40);
    const one = narrowed('encoder.layer.0.');
    expect(() => configFromGraph(one, config, model)).toThrow(
      /intermediate sizes differ between layers \(40 and 64\)/,
    );
  });

  const corrupt: readonly [Record<string, JsonValue | undefined>, string][] = [
    [
      { hidden_size: undefined },
      'M/config.json: hidden_size must be a positive integer, got nothing',
    ],
    [{ hidden_size: '32' }, 'M/config.json: hidden_size must be a positive integer, got "32"'],
    [{ vocab_size: 0 }, 'vocab_size must be a positive integer, got 0'],
    [
      { num_hidden_layers: 1e9 },
      'num_hidden_layers must be an integer from 1 to 1024, got 1000000000',
    ],
    [{ num_hidden_layers: 5 }, '32 tensors are missing: encoder.layer.3.'],
    [{ num_attention_heads: 3 }, 'num_attention_heads must be a divisor of hidden_size 20, got 3'],
    [{ hidden_dropout_prob: 2 }, 'hidden_dropout_prob must be a number from 0 to 1, got 2'],
    [{ layer_norm_eps: 'x' }, 'layer_norm_eps must be a number from 0 to 1, got "x"'],
    [{ hidden_act: undefined }, 'hidden_act must be a string, got nothing'],
    [
      { intermediate_size: 33 },
      'intermediate.dense.weight must be [33, 20] by config.json, got [32, 20]',
    ],
    [{ model_type: undefined }, 'model_type must be a string (supported: bert, '],
  ];
  it.each(corrupt)('with %o is corrupt', async (change, message) => {
    const from = withConfig(await checkpoint('bert'), change);
    expect(() => graphFromCheckpoint(from, { task: 'embedding' })).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MODEL', message: expect.stringContaining(message) }),
    );
  });

  const unsupported: readonly [Record<string, JsonValue>, string][] = [
    [{ model_type: 'gpt2' }, 'unsupported model_type "gpt2" (supported: bert, '],
    [{ model_type: 'toString' }, 'unsupported model_type "toString"'],
    [
      { hidden_act: 'mish' },
      'hidden_act "mish" (supported: gelu, gelu_python, gelu_new, gelu_fast, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh',
    ],
    [{ position_embedding_type: 'relative_key' }, '"relative_key" (supported: absolute)'],
    [{ is_decoder: true }, 'is_decoder true'],
  ];
  it.each(unsupported)('with %o is unsupported', async (change, message) => {
    const from = withConfig(await checkpoint('bert'), change);
    expect(() => graphFromCheckpoint(from, { task: 'embedding' })).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining(message),
      }),
    );
  });

  it('with labels that do not fit the head is corrupt', async () => {
    const seqcls = await checkpoint('bert-seqcls');
    for (const id2label of [
      { 0: 'a', 1: 'b' },
      { 0: 'a', 1: 'b', 3: 'c' },
      { 0: 'a', 1: 'a', 2: 'b' },
      [],
    ]) {
      const from = withConfig(seqcls, { id2label });
      expect(() => graphFromCheckpoint(from, { task: 'classification' })).toThrow(
        /id2label must be/,
      );
    }
  });

  it('refuses weights of a dtype that is not a float', async () => {
    const bert = await checkpoint('bert');
    const tensors = new Map(bert.tensors);
    tensors.set('pooler.dense.bias', { dtype: 'I32', shape: [20] });
    expect(() => graphFromCheckpoint({ ...bert, tensors }, { task: 'embedding' })).toThrow(
      /pooler\.dense\.bias must be one of F32, F16, BF16, got I32/,
    );
  });
});
