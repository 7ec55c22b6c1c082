/**
 * Small graphs that together use every operation of the IR in the ways of the encoder families, with drawn weights.
 *
 * They are shaped like the families so that a file of each can be compared before and beside real checkpoints.
 */

import { SeededRandom } from '../../lib/core/random.js';
import { GraphBuilder } from '../../lib/graph/builder.js';
import { withLora } from '../../lib/graph/rewrite/lora.js';
import { withScales } from '../../lib/graph/rewrite/scales.js';
import type { ActivationKind, EncoderGraph, PoolKind } from '../../lib/graph/types.js';
import type { Floats } from './support.js';

const VOCABULARY = 40;
const MAX_TOKENS = 48;
const WIDTH = 16;
const HEADS = 2;
const HEAD_DIM = 8;
const INNER = 32;
const EPSILON = 1e-5;

export interface Toy {
  readonly name: string;
  readonly graph: EncoderGraph;
  readonly weights: Floats;
}

interface Layers {
  readonly builder: GraphBuilder;
  readonly hidden: string;
}

/** Drawn weights of a graph: norms around 1, the rest around 0, up to `most`. */
export function drawnWeights(graph: EncoderGraph, seed: number, most = 0.6): Floats {
  const random = new SeededRandom(seed);
  return new Map(
    graph.weights.map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const norm = shape.length === 1 && name.endsWith('.weight');
      const draw = (): number => 2 * (random.below(1 << 20) / (1 << 20)) - 1;
      const values = Float32Array.from({ length }, () => (norm ? 1 + 0.3 * draw() : most * draw()));
      return [name, values];
    }),
  );
}

function finish(builder: GraphBuilder, name: string, segments = 1): EncoderGraph {
  return builder.finish({
    architecture: name,
    maxTokens: MAX_TOKENS,
    vocabulary: VOCABULARY,
    segments,
  });
}

function linears(prefix: string, names: readonly string[], outputs: number, bias = true) {
  return names.map((name) => ({ name: `${prefix}.${name}`, inputs: WIDTH, outputs, bias }));
}

/** Post-norm layers as in BERT; `shared` gives all layers the same weights, as in ALBERT. */
function postNorm(
  layers: number,
  options: {
    readonly segments?: number;
    readonly offset?: number;
    readonly activation?: ActivationKind;
    readonly shared?: boolean;
    readonly relative?: boolean;
    readonly projection?: number;
  } = {},
): Layers {
  const { segments = 1, offset = 0, activation = 'gelu', shared = false, projection } = options;
  const builder = new GraphBuilder();
  const narrow = projection ?? WIDTH;
  const positions = MAX_TOKENS + offset;
  let value = builder.embedding(
    [
      { weight: 'words', rows: VOCABULARY, index: 'token' },
      { weight: 'positions', rows: positions, index: 'position', offset },
      ...(segments > 1 ? [{ weight: 'segments', rows: segments, index: 'segment' as const }] : []),
    ],
    narrow,
    'embedded',
  );
  value = builder.norm('embedding_norm', narrow, EPSILON, value, null, 'hidden.0');
  if (projection !== undefined) {
    const module = { name: 'projection', inputs: projection, outputs: WIDTH };
    value = builder.linear([module], 'none', value, 'projected');
  }
  for (let layer = 0; layer < layers; layer++) {
    const [l, w] = [`layer${layer}`, shared ? 'layer' : `layer${layer}`];
    const qkv = builder.linear(
      linears(w, ['query', 'key', 'value'], WIDTH),
      'none',
      value,
      `${l}/qkv`,
    );
    const extras = options.relative
      ? { relativeBias: { weight: 'relative', buckets: 8, maxDistance: 20 } }
      : {};
    const context = builder.attention(HEADS, HEAD_DIM, 0.1, qkv, `${l}/context`, extras);
    const out = builder.linear(linears(w, ['output'], WIDTH), 'none', context, `${l}/out`);
    const dropped = builder.dropout(0.1, out, `${l}/dropped`);
    const attended = builder.norm(`${w}.norm1`, WIDTH, EPSILON, dropped, value, `${l}/attended`);
    const up = builder.linear(linears(w, ['up'], INNER), activation, attended, `${l}/up`);
    const down = { name: `${w}.down`, inputs: INNER, outputs: WIDTH };
    const ffn = builder.linear([down], 'none', up, `${l}/down`);
    value = builder.norm(`${w}.norm2`, WIDTH, EPSILON, ffn, attended, `hidden.${layer + 1}`);
  }
  builder.output('hidden', value);
  return { builder, hidden: value };
}

/** Pre-norm layers with rotary attention, local and global, and gated linear units. */
function preNorm(kind: 'layer' | 'rms', activation: ActivationKind, dimensions: number): Layers {
  const builder = new GraphBuilder();
  const form = { kind, bias: false };
  const table = [{ weight: 'words', rows: VOCABULARY, index: 'token' as const }];
  let value = builder.embedding(table, WIDTH, 'embedded');
  value = builder.norm('embedding_norm', WIDTH, EPSILON, value, null, 'hidden.0', form);
  for (let layer = 0; layer < 3; layer++) {
    const l = `layer${layer}`;
    const normed = builder.norm(`${l}.norm1`, WIDTH, EPSILON, value, null, `${l}/normed`, form);
    const qkv = builder.linear(linears(l, ['qkv'], 3 * WIDTH, false), 'none', normed, `${l}/qkv`);
    const local = layer !== 0;
    const extras = {
      rotary: { theta: local ? 100 : 10000, dimensions },
      ...(local && { window: 3 }),
    };
    const context = builder.attention(HEADS, HEAD_DIM, 0, qkv, `${l}/context`, extras);
    const out = builder.linear(linears(l, ['out'], WIDTH, false), 'none', context, `${l}/out`);
    const attended = builder.sum(out, value, `${l}/attended`);
    const inner = builder.norm(`${l}.norm2`, WIDTH, EPSILON, attended, null, `${l}/inner`, form);
    const both = builder.linear(linears(l, ['both'], 2 * INNER, false), 'none', inner, `${l}/both`);
    const gated = builder.add({ op: 'gate', activation, input: both, output: `${l}/gated` });
    const down = { name: `${l}.down`, inputs: INNER, outputs: WIDTH, bias: false };
    const ffn = builder.linear([down], 'none', gated, `${l}/down`);
    value = builder.sum(ffn, attended, `hidden.${layer + 1}`);
  }
  value = builder.norm('final_norm', WIDTH, EPSILON, value, null, 'final', form);
  builder.output('hidden', value);
  return { builder, hidden: value };
}

/** DeBERTa: disentangled attention whose tables come from relative embeddings. */
function disentangled(
  buckets: number,
  maxDistance: number,
  terms: { readonly keys: boolean; readonly queries: boolean; readonly shared: boolean },
): Layers {
  const builder = new GraphBuilder();
  const span = buckets === 0 ? maxDistance : buckets;
  const table = [{ weight: 'words', rows: VOCABULARY, index: 'token' as const }];
  let value = builder.embedding(table, WIDTH, 'embedded');
  value = builder.norm('embedding_norm', WIDTH, EPSILON, value, null, 'hidden.0');
  const raw = builder.parameter('relative', 2 * span, WIDTH, 'relative_raw');
  const relative = builder.norm('relative_norm', WIDTH, EPSILON, raw, null, 'relative_rows');
  for (let layer = 0; layer < 2; layer++) {
    const l = `layer${layer}`;
    const input = value;
    const product = (names: readonly string[], to: string) =>
      builder.linear(linears(l, names, WIDTH), 'none', input, to);
    const parts = ['query', 'key', 'value'];
    // A weight that the distances share cannot be stacked with others.
    const qkv = terms.shared
      ? builder.concat(
          parts.map((part) => product([part], `${l}/${part}`)),
          `${l}/qkv`,
        )
      : product(parts, `${l}/qkv`);
    const projected = (name: string): string => {
      const module = terms.shared ? name : `position_${name}`;
      return builder.linear(linears(l, [module], WIDTH), 'none', relative, `${l}/position_${name}`);
    };
    const count = 1 + Number(terms.keys) + Number(terms.queries);
    const context = builder.attention(HEADS, HEAD_DIM, 0, qkv, `${l}/context`, {
      scale: 1 / Math.sqrt(HEAD_DIM * count),
      disentangled: {
        keys: terms.keys ? projected('key') : null,
        queries: terms.queries ? projected('query') : null,
        buckets,
        maxDistance,
      },
    });
    const out = builder.linear(linears(l, ['output'], WIDTH), 'none', context, `${l}/out`);
    value = builder.norm(`${l}.norm`, WIDTH, EPSILON, out, value, `hidden.${layer + 1}`);
  }
  builder.output('hidden', value);
  return { builder, hidden: value };
}

function withPooling({ builder, hidden }: Layers, kinds: readonly PoolKind[]): GraphBuilder {
  const pooled = kinds.map((kind) => builder.pool(kind, hidden, `pooled_${kind}`));
  const [first = ''] = pooled;
  const joined = pooled.length === 1 ? first : builder.concat(pooled, 'joined');
  const inputs = WIDTH * kinds.length;
  const dense = builder.linear([{ name: 'dense', inputs, outputs: 12 }], 'tanh', joined, 'dense');
  builder.output('embedding', builder.normalize(dense, 'unit'));
  return builder;
}

function withLogits({ builder, hidden }: Layers, labels: number, over: 'texts' | 'tokens') {
  const input = over === 'texts' ? builder.pool('cls', hidden, 'first') : hidden;
  if (over === 'texts') {
    const pooled = builder.linear(linears('pooler', ['dense'], WIDTH), 'tanh', input, 'pooler_out');
    builder.output('pooled', pooled);
    const dropped = builder.dropout(0.1, pooled, 'pooler_dropped');
    const head = linears('classifier', ['out'], labels);
    builder.output('logits', builder.linear(head, 'none', dropped, 'logits'));
    return builder;
  }
  const head = linears('classifier', ['out'], labels);
  builder.output('logits', builder.linear(head, 'none', input, 'logits'));
  return builder;
}

/** A masked language model: its decoder is the token table. */
function withDecoder({ builder, hidden }: Layers): GraphBuilder {
  const chosen = builder.select(hidden, 'chosen');
  const dense = builder.linear(linears('mlm', ['dense'], WIDTH), 'gelu', chosen, 'mlm/dense');
  const normed = builder.norm('mlm.norm', WIDTH, EPSILON, dense, null, 'mlm/normed');
  const tied = [{ name: 'words', inputs: WIDTH, outputs: VOCABULARY }];
  builder.output('logits', builder.product(tied, ['mlm.bias'], 'none', normed, 'mlm/logits'));
  return builder;
}

/** Activations that end no product: of a norm, of a sum, and of pooled texts. */
function ownActivations(): Layers {
  const builder = new GraphBuilder();
  const table = [{ weight: 'words', rows: VOCABULARY, index: 'token' as const }];
  const embedded = builder.embedding(table, WIDTH, 'embedded');
  const normed = builder.norm('norm', WIDTH, EPSILON, embedded, null, 'normed');
  let value = builder.add({ op: 'activation', kind: 'gelu', input: normed, output: 'active' });
  value = builder.linear(linears('up', ['dense'], WIDTH), 'none', value, 'up');
  value = builder.sum(value, embedded, 'both');
  value = builder.add({ op: 'activation', kind: 'gelu_tanh', input: value, output: 'hidden.0' });
  builder.output('hidden', value);
  const pooled = builder.pool('mean', value, 'mean');
  return {
    builder,
    hidden: builder.add({ op: 'activation', kind: 'tanh', input: pooled, output: 'bounded' }),
  };
}

const BOTH = { keys: true, queries: true, shared: false };

const GRAPHS: Readonly<Record<string, () => EncoderGraph>> = {
  'bert embedding, mean': () =>
    finish(withPooling(postNorm(2, { segments: 2 }), ['mean']), 'bert', 2),
  'bert classification': () =>
    finish(withLogits(postNorm(2, { segments: 2 }), 3, 'texts'), 'bert', 2),
  'bert tokens, gelu_tanh': () =>
    finish(withLogits(postNorm(1, { activation: 'gelu_tanh' }), 5, 'tokens'), 'bert'),
  'roberta spans, relu': () =>
    finish(withLogits(postNorm(1, { offset: 2, activation: 'relu' }), 2, 'tokens'), 'roberta'),
  'bert masked language model, tied': () => finish(withDecoder(postNorm(1)), 'bert'),
  'mpnet embedding, relative bias': () =>
    finish(withPooling(postNorm(2, { offset: 2, relative: true }), ['mean', 'max']), 'mpnet'),
  'albert, shared layers, projection': () =>
    finish(
      withLogits(postNorm(3, { shared: true, projection: 8, activation: 'gelu_tanh' }), 3, 'texts'),
      'albert',
    ),
  'electra tokens, projection, silu': () =>
    finish(withLogits(postNorm(1, { projection: 8, activation: 'silu' }), 4, 'tokens'), 'electra'),
  'bert texts, quick GELU': () =>
    finish(
      withLogits(postNorm(2, { segments: 2, activation: 'quick_gelu' }), 3, 'texts'),
      'bert',
      2,
    ),
  'modernbert embedding, every other pooling': () =>
    finish(
      withPooling(preNorm('layer', 'gelu', 8), [
        'weightedmean',
        'lasttoken',
        'mean_sqrt_len_tokens',
      ]),
      'modernbert',
    ),
  'rms norm, part of the heads rotated, SwiGLU': () =>
    finish(withPooling(preNorm('rms', 'silu', 4), ['cls']), 'nomic_bert'),
  'deberta-v3, both terms, shared projections': () =>
    finish(withLogits(disentangled(8, 24, { ...BOTH, shared: true }), 3, 'texts'), 'deberta-v2'),
  'deberta, no buckets, own projections': () =>
    finish(withLogits(disentangled(0, 12, BOTH), 4, 'tokens'), 'deberta'),
  'deberta, content to position only': () =>
    finish(withDecoder(disentangled(4, 16, { ...BOTH, queries: false })), 'deberta-v2'),
  'activations by themselves': () => {
    const { builder, hidden } = ownActivations();
    const head = linears('classifier', ['out'], 3);
    builder.output('logits', builder.linear(head, 'none', hidden, 'logits'));
    return finish(builder, 'bert');
  },
  'bert with adapters': adapted,
};

/** BERT with adapters beside some of its matrices: low-rank ones, and the vectors of IA3. */
function adapted(): EncoderGraph {
  const graph = finish(withLogits(postNorm(2, { activation: 'gelu' }), 3, 'texts'), 'bert');
  const ends = (end: string) =>
    graph.weights.map(({ name }) => name).filter((name) => name.endsWith(`${end}.weight`));
  const low = [...ends('.query'), ...ends('.value'), ...ends('.up'), ...ends('pooler.dense')];
  const scales = [...ends('.key'), ...ends('.up')].map((weight) => {
    const size = weight.endsWith('.up.weight') ? INNER : WIDTH;
    return { weight, vector: `${weight}.ia3`, side: 'output', size } as const;
  });
  const inputs = ends('.down').map(
    (weight) => ({ weight, vector: `${weight}.ia3`, side: 'input', size: INNER }) as const,
  );
  const matrices = low.map((weight, i) => {
    return { weight, a: `${weight}.A`, b: `${weight}.B`, rank: 2 + i, scale: 0.1 + 0.05 * i };
  });
  return withScales(withLora(graph, matrices, 0), [...scales, ...inputs]);
}

/** Every toy; the same numbers every time. */
export function toys(): readonly Toy[] {
  return Object.entries(GRAPHS).map(([name, make], i) => {
    const graph = make();
    return { name, graph, weights: drawnWeights(graph, 100 + i) };
  });
}
