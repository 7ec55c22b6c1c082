// Every family of encoders: names and shapes of its weights, its config.json there and back, its name found by structure.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  configFromGraph,
  familyGraph,
  graphFromCheckpoint,
  nameByFamily,
} from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import type { Checkpoint, ModelHead } from '../../lib/graph/checkpoint.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { ENCODERS, encoderFolder } from './encoders.js';

async function checkpoint(path: string): Promise<Checkpoint> {
  const folder = await readHfFolder(path);
  await folder.close();
  return folder;
}

/** The graph with meaningless names, and without dropouts: as it would be recovered from a file. */
function anonymous(graph: EncoderGraph): EncoderGraph {
  const inputs = new Map<string, string>();
  for (const node of graph.nodes) if (node.op === 'dropout') inputs.set(node.output, node.input);
  const numbers = new Map<string, string>();
  const weights = new Set(graph.weights.map(({ name }) => name));
  const rename = (name: string): string => {
    const source = inputs.get(name);
    if (source !== undefined) return rename(source);
    const known = numbers.get(name) ?? `${weights.has(name) ? 'w' : 'v'}${numbers.size}`;
    numbers.set(name, known);
    return known;
  };
  const values = new Set(graph.nodes.map(({ output }) => output));
  const text = JSON.stringify(graph, (key, value: unknown) => {
    if (key === 'dropout') return 0;
    if (key === 'nodes') return (value as EncoderGraph['nodes']).filter((n) => n.op !== 'dropout');
    if (typeof value !== 'string' || key === 'architecture') return value;
    return weights.has(value) || values.has(value) ? rename(value) : value;
  });
  return { ...(JSON.parse(text) as EncoderGraph), architecture: 'graph' };
}

for (const [name, task] of Object.entries(ENCODERS)) {
  const folder = encoderFolder(name);
  describe.skipIf(folder === null)(`${name} (../shared if not here)`, () => {
    const path = folder ?? '';

    it('has the weights of the file, by name and shape, and nothing else', async () => {
      const from = await checkpoint(path);
      const { graph, sources, created } = graphFromCheckpoint(from, { task });
      validateGraph(graph);
      const ours = graph.weights.map((weight) => [weight.name, [...weight.shape]]);
      const theirs = [...from.tensors].map(([tensor, { shape }]) => [tensor, [...shape]]);
      const byName = (a: unknown[], b: unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);
      expect(ours.sort(byName)).toEqual(theirs.sort(byName));
      expect(created).toEqual([]);
      for (const [weight, source] of sources) expect(source).toBe(weight);
      const json = JSON.parse(readFileSync(`${path}/golden.json`, 'utf8')) as {
        hidden_states: number;
      };
      const hidden = Object.keys(graph.outputs).filter((output) => output.startsWith('hidden.'));
      expect(hidden).toHaveLength(json.hidden_states);
    });

    it('has its config.json again, unknown keys included', async () => {
      const read = await checkpoint(path);
      const stored: JsonObject = { ...read.config, my_key: { kept: [1] } };
      const from = { ...read, config: stored };
      const { graph, config, task: made, labels, problem } = graphFromCheckpoint(from, { task });
      const { dtype: _, ...expected } = stored;
      expect(config).toEqual(stored);
      expect(configFromGraph(graph, config, { task: made, labels, problem })).toEqual(expected);
    });

    it('is the graph of its config.json alone', async () => {
      const from = await checkpoint(path);
      const { graph } = graphFromCheckpoint(from, { task });
      expect(familyGraph(from.config, { task })).toEqual(graph);
    });

    it('is recognised without names, with and without its config.json', async () => {
      const from = await checkpoint(path);
      const { graph, labels, problem, config: stored } = graphFromCheckpoint(from, { task });
      const config = configFromGraph(graph, stored, { task, labels, problem });
      const bare = anonymous(graph);
      validateGraph(bare);
      const head: ModelHead = { task, labels, problem };
      const why: string[] = [];
      const named = nameByFamily(bare, config, head, why);
      expect(why).toEqual([]);
      expect(named?.graph).toEqual(graph);
      expect(named?.config).toEqual(config);
      const found = named?.names ?? new Map<string, string>();
      expect(bare.weights.map((weight) => found.get(weight.name))).toEqual(
        graph.weights.map((weight) => weight.name),
      );
      const guessed = nameByFamily(bare, {}, head, why);
      expect(guessed?.names.size, why.join('\n')).toBe(graph.weights.length);
      const known = { 'xlm-roberta': 'roberta' } as Readonly<Record<string, string>>;
      const type = graph.architecture;
      expect(guessed?.config.model_type).toBe(known[type] ?? type);
    });
  });
}

describe('the sizes of published models', () => {
  const base = {
    hidden_size: 768,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 3072,
    hidden_act: 'gelu',
    max_position_embeddings: 512,
  };
  const roberta = { ...base, max_position_embeddings: 514, type_vocab_size: 1, pad_token_id: 1 };
  const published: readonly [string, number, JsonObject][] = [
    ['bert', 109482240, { ...base, vocab_size: 30522, type_vocab_size: 2 }],
    [
      'distilbert',
      66362880,
      {
        dim: 768,
        n_layers: 6,
        n_heads: 12,
        hidden_dim: 3072,
        activation: 'gelu',
        vocab_size: 30522,
        max_position_embeddings: 512,
      },
    ],
    ['roberta', 124645632, { ...roberta, vocab_size: 50265 }],
    ['xlm-roberta', 278043648, { ...roberta, vocab_size: 250002 }],
    ['mpnet', 109486464, { ...base, vocab_size: 30527, max_position_embeddings: 514 }],
    [
      'albert',
      11683584,
      {
        ...base,
        hidden_act: 'gelu_new',
        embedding_size: 128,
        num_hidden_groups: 1,
        vocab_size: 30000,
        type_vocab_size: 2,
      },
    ],
    [
      'modernbert',
      149014272,
      {
        vocab_size: 50368,
        hidden_size: 768,
        intermediate_size: 1152,
        num_hidden_layers: 22,
        num_attention_heads: 12,
        max_position_embeddings: 8192,
      },
    ],
    [
      'deberta-v2',
      183831552,
      {
        ...base,
        vocab_size: 128100,
        type_vocab_size: 0,
        relative_attention: true,
        position_buckets: 256,
        norm_rel_ebd: 'layer_norm',
        share_att_key: true,
        pos_att_type: 'p2c|c2p',
        position_biased_input: false,
      },
    ],
  ];
  it.each(published)('%s has %i parameters', (modelType, parameters, config) => {
    const graph = familyGraph({ ...config, model_type: modelType }, { task: 'embedding' });
    validateGraph(graph);
    const sizes = graph.weights.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(parameters);
  });
});
