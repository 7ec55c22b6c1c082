/**
 * BERT: config.json and weight names <-> graph. Post-norm layers, learned positions, segments, GELU
 * or ReLU.
 *
 * Weights are named in the graph exactly as transformers names them for the class that will be
 * written: BertModel for embeddings, BertForSequenceClassification (prefix `bert.`) with a
 * classification head.
 */

import { rangeMistake } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { GraphBuilder } from '../graph/builder.js';
import type { Checkpoint, GraphRequest, ImportedModel, NewWeight } from '../graph/checkpoint.js';
import { addSentenceHead, sentenceHead } from '../graph/sentence.js';
import type { ActivationKind, WeightSpec } from '../graph/types.js';
import { bertConfig } from './bert-config.js';
import { ConfigReader } from './config-reader.js';
import { findWeights, type WeightNaming } from './weight-sources.js';

/** hidden_act -> activation. */
const ACTIVATIONS: Readonly<Record<string, ActivationKind>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  relu: 'relu',
};

const WORDS = 'embeddings.word_embeddings.weight';
const CLASSIFIER = 'classifier';
/** More than any encoder has; bounds the graph before it is built. */
const MAX_LAYERS = 1024;

interface BertSizes {
  readonly vocabulary: number;
  readonly positions: number;
  readonly segments: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: ActivationKind;
  readonly epsilon: number;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly classifierDropout: number;
  readonly initRange: number;
}

/** Reads and checks what the graph depends on. */
function readSizes(reader: ConfigReader): BertSizes {
  const { config } = reader;
  reader.choice('position_embedding_type', { absolute: true }, 'absolute');
  for (const key of ['is_decoder', 'add_cross_attention']) {
    if (config[key] === true) throw reader.unsupported(`${key} true (encoders only)`);
  }
  const hidden = reader.size('hidden_size');
  const heads = reader.size('num_attention_heads');
  if (hidden % heads !== 0) {
    throw reader.corrupt('num_attention_heads', `a divisor of hidden_size ${hidden}`, heads);
  }
  const hiddenDropout = reader.number('hidden_dropout_prob', 0, 1, 0.1);
  return {
    vocabulary: reader.size('vocab_size'),
    positions: reader.size('max_position_embeddings'),
    segments: reader.size('type_vocab_size'),
    hidden,
    layers: reader.size('num_hidden_layers', MAX_LAYERS),
    heads,
    intermediate: reader.size('intermediate_size'),
    activation: reader.choice('hidden_act', ACTIVATIONS),
    epsilon: reader.number('layer_norm_eps', 0, 1, 1e-12),
    hiddenDropout,
    attentionDropout: reader.number('attention_probs_dropout_prob', 0, 1, 0.1),
    classifierDropout: reader.number('classifier_dropout', 0, 1, hiddenDropout),
    initRange: reader.number('initializer_range', 0, 10, 0.02),
  };
}

/** Embeddings and layers; returns the last hidden value. */
function addEncoder(builder: GraphBuilder, sizes: BertSizes, prefix: string): string {
  const { hidden, epsilon } = sizes;
  const at = `${prefix}embeddings`;
  const sum = builder.embedding(
    [
      { weight: prefix + WORDS, rows: sizes.vocabulary, index: 'token' },
      { weight: `${at}.position_embeddings.weight`, rows: sizes.positions, index: 'position' },
      { weight: `${at}.token_type_embeddings.weight`, rows: sizes.segments, index: 'segment' },
    ],
    hidden,
    'embeddings',
  );
  const normed = builder.norm(`${at}.LayerNorm`, hidden, epsilon, sum, null, 'embeddings.norm');
  let value = builder.dropout(sizes.hiddenDropout, normed, 'hidden.0');
  builder.output('hidden.0', value);
  for (let i = 0; i < sizes.layers; i++) {
    value = addLayer(builder, sizes, `${prefix}encoder.layer.${i}`, value, i);
    builder.output(`hidden.${i + 1}`, value);
  }
  builder.output('hidden', value);
  return value;
}

function addLayer(
  b: GraphBuilder,
  sizes: BertSizes,
  at: string,
  input: string,
  layer: number,
): string {
  const { hidden, heads, intermediate, epsilon, hiddenDropout } = sizes;
  const v = `layer.${layer}`;
  const project = (name: string) => ({ name: `${at}.${name}`, inputs: hidden, outputs: hidden });
  const self = ['query', 'key', 'value'].map((name) => project(`attention.self.${name}`));
  const qkv = b.linear(self, 'none', input, `${v}.qkv`);
  const mixed = b.attention(heads, hidden / heads, sizes.attentionDropout, qkv, `${v}.attention`);
  const out = b.linear([project('attention.output.dense')], 'none', mixed, `${v}.projected`);
  const dropped = b.dropout(hiddenDropout, out, `${v}.projected.dropped`);
  const norm1 = `${at}.attention.output.LayerNorm`;
  const middle = b.norm(norm1, hidden, epsilon, dropped, input, `${v}.attended`);
  const up = { name: `${at}.intermediate.dense`, inputs: hidden, outputs: intermediate };
  const wide = b.linear([up], sizes.activation, middle, `${v}.intermediate`);
  const down = { name: `${at}.output.dense`, inputs: intermediate, outputs: hidden };
  const narrow = b.linear([down], 'none', wide, `${v}.output`);
  const dropped2 = b.dropout(hiddenDropout, narrow, `${v}.output.dropped`);
  return b.norm(`${at}.output.LayerNorm`, hidden, epsilon, dropped2, middle, `hidden.${layer + 1}`);
}

/** tanh(linear(first token)): what BertModel calls pooler_output. */
function addPooler(builder: GraphBuilder, hidden: number, prefix: string, input: string): string {
  const first = builder.pool('cls', input, 'pooler.first');
  const module = { name: `${prefix}pooler.dense`, inputs: hidden, outputs: hidden };
  const pooled = builder.linear([module], 'tanh', first, 'pooled');
  builder.output('pooled', pooled);
  return pooled;
}

/** The file's own prefix: checkpoints of BertModel have none, those with a head have `bert.`. */
function filePrefix({ tensors }: Checkpoint): string {
  return tensors.has(`bert.${WORDS}`) ? 'bert.' : '';
}

type Head = 'none' | 'new' | 'trained';

/**
 * Graph names -> file names; files from TensorFlow days call LayerNorm's weight and bias gamma and
 * beta. Only a new head may lack weights: its own and the pooler's.
 */
function naming(stored: string, own: string, head: Head, deviation: number): WeightNaming {
  const isHead = (name: string) => name.startsWith(`${CLASSIFIER}.`);
  return {
    candidates(name) {
      if (isHead(name)) return head === 'trained' ? [name] : [];
      const current = stored + name.slice(own.length);
      const legacy = current
        .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
        .replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
      return legacy === current ? [current] : [current, legacy];
    },
    init({ name }: WeightSpec): NewWeight['init'] | null {
      const mayLack = isHead(name) || name.startsWith(`${own}pooler.`);
      if (head !== 'new' || !mayLack) return null;
      return name.endsWith('.bias') ? { kind: 'zero' } : { kind: 'normal', deviation };
    },
  };
}

/** Whether the checkpoint's own head is wanted, and the labels. */
function chooseLabels(
  checkpoint: Checkpoint,
  reader: ConfigReader,
  wanted: readonly string[] | undefined,
): { labels: readonly string[]; kind: Head } {
  const rows = checkpoint.tensors.get(`${CLASSIFIER}.weight`)?.shape[0];
  if (wanted === undefined) {
    if (rows === undefined || rows < 1) {
      throw reader.unsupported('task: no trained classifier; give labels to add a new one');
    }
    const problem = checkpoint.config.problem_type ?? 'single_label_classification';
    if (problem !== 'single_label_classification' || rows < 2) {
      throw reader.unsupported(`classifier: ${rows} labels, problem_type ${String(problem)}`);
    }
    return { labels: reader.labels(rows), kind: 'trained' };
  }
  if (wanted.length < 2 || new Set(wanted).size !== wanted.length) {
    throw rangeMistake('labels', 'at least two different names', wanted);
  }
  const stored = rows === wanted.length ? reader.labels(rows) : [];
  const same = stored.length > 0 && stored.every((label, i) => label === wanted[i]);
  return { labels: wanted, kind: same ? 'trained' : 'new' };
}

/**
 * Builds the graph that `request` asks for. Throws CORRUPT_MODEL or UNSUPPORTED_MODEL naming file
 * and key.
 */
export function importBert(checkpoint: Checkpoint, request: GraphRequest): ImportedModel {
  const reader = new ConfigReader(checkpoint.config, checkpoint.path);
  const sizes = readSizes(reader);
  if (request.task !== 'embedding' && request.task !== 'classification') {
    throw reader.unsupported(`task ${request.task}`);
  }
  const builder = new GraphBuilder();
  const classify = request.task === 'classification';
  const head = classify ? chooseLabels(checkpoint, reader, request.labels) : null;
  const stored = filePrefix(checkpoint);
  const prefix = classify ? 'bert.' : '';
  const hidden = addEncoder(builder, sizes, prefix);
  if (head !== null) {
    const pooled = addPooler(builder, sizes.hidden, prefix, hidden);
    const dropped = builder.dropout(sizes.classifierDropout, pooled, 'pooled.dropped');
    const module = { name: CLASSIFIER, inputs: sizes.hidden, outputs: head.labels.length };
    builder.output('logits', builder.linear([module], 'none', dropped, 'logits'));
  } else {
    const sentence = sentenceHead(checkpoint.sentence, request);
    if (sentence !== null) addSentenceHead(builder, sentence, hidden);
    if (checkpoint.tensors.has(`${stored}pooler.dense.weight`)) {
      addPooler(builder, sizes.hidden, prefix, hidden);
    }
  }
  const graph = builder.finish({
    architecture: 'bert',
    maxTokens: lengthLimit(sizes.positions, checkpoint, request),
    vocabulary: sizes.vocabulary,
    segments: sizes.segments,
  });
  const names = naming(stored, prefix, head?.kind ?? 'none', sizes.initRange);
  const found = findWeights(checkpoint, graph.weights, names);
  const made = {
    task: request.task,
    labels: head?.labels ?? null,
    problem: head === null ? null : ('single_label_classification' as const),
  };
  const base = head?.kind === 'new' ? dropProblem(checkpoint.config) : checkpoint.config;
  return { graph, ...found, config: bertConfig(graph, base, made), ...made };
}

/**
 * Embeddings keep the length the sentence encoder was trained for; a classifier may use every
 * position.
 */
function lengthLimit(positions: number, { sentence }: Checkpoint, request: GraphRequest): number {
  const trained = request.task === 'embedding' ? (sentence?.maxTokens ?? positions) : positions;
  const { maxTokens } = request;
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens >= 1)) {
    throw rangeMistake('maxTokens', 'a positive integer', maxTokens);
  }
  return Math.min(positions, trained, maxTokens ?? positions);
}

/** A new head does not inherit what the old one was for. */
function dropProblem(config: JsonObject): JsonObject {
  const { problem_type: _, ...rest } = config;
  return rest;
}
