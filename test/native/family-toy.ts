// A small encoder with what the newer families have: shared layers, RMS norms, gates, residuals, distances as tables,
// rotation and windows, a tied decoder. Rule: everything is seeded, so that a failure repeats.

import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import {
  DIRECTIONS,
  LOSSES,
  type LossKind,
  type LossSettings,
  type LossTerm,
  type RelationColumns,
} from '../../lib/native/losses.js';
import type { TokenBatch } from '../../lib/native/program.js';
import { Random } from '../kernels/native-test.js';
import { at, term } from './toy.js';

export const FAMILY_VOCABULARY = 30;
const HIDDEN = 16;
const HEADS = 2;
const BUCKETS = 4;

/**
 * What a row of the logits stands for: a text (three labels, or one score), a token (three), the ends of a span (two), or a word of the
 * vocabulary.
 */
export type Head = 'texts' | 'scores' | 'tokens' | 'span' | 'vocabulary';

/** Query, key and value as three products, because the tables of distances share query and key. */
function threeProducts(g: GraphBuilder, x: string, name: string): string {
  const parts = ['query', 'key', 'value'].map((part) =>
    g.linear([{ name: part, inputs: HIDDEN, outputs: HIDDEN }], 'none', x, `${name}.${part}`),
  );
  return g.concat(parts, `${name}.qkv`);
}

/** One more pass of the shared layer over x. */
function layer(g: GraphBuilder, x: string, name: string, dropout: number): string {
  const normal = g.norm('norm1', HIDDEN, 1e-6, x, null, `${name}.normal`, {
    kind: 'rms',
    bias: false,
  });
  const extras =
    name === 'first'
      ? {
          disentangled: { keys: 'pos.key', queries: 'pos.query', buckets: BUCKETS, maxDistance: 8 },
        }
      : { rotary: { theta: 100, dimensions: HIDDEN / HEADS }, window: 3 };
  const qkv = threeProducts(g, normal, name);
  const mixed = g.attention(HEADS, HIDDEN / HEADS, dropout, qkv, `${name}.mixed`, extras);
  const out = { name: 'out', inputs: HIDDEN, outputs: HIDDEN, bias: false };
  const active = g.add({
    op: 'activation',
    kind: 'quick_gelu',
    input: g.linear([out], 'none', mixed, `${name}.out`),
    output: `${name}.active`,
  });
  const first = g.sum(active, x, `${name}.sum`);
  const second = g.norm('norm2', HIDDEN, 1e-6, first, null, `${name}.x`, { bias: false });
  const up = { name: 'up', inputs: HIDDEN, outputs: 40, bias: false };
  const gated = g.add({
    op: 'gate',
    activation: 'silu',
    input: g.linear([up], 'none', second, `${name}.up`),
    output: `${name}.gated`,
  });
  const down = { name: 'down', inputs: 20, outputs: HIDDEN };
  const y = g.dropout(dropout, g.linear([down], 'none', gated, `${name}.down`), `${name}.drop`);
  return g.sum(y, first, `${name}.done`);
}

/** The classifier of pair_cross_entropy over two of the texts' logits. */
const PAIRS = { weight: 'pairs.weight', bias: 'pairs.bias', product: false };
const PAIR_CLASSES = 4;

function head(g: GraphBuilder, x: string, kind: Head): string {
  if (kind === 'texts' || kind === 'scores') {
    const pools = (['mean', 'weightedmean', 'lasttoken', 'mean_sqrt_len_tokens'] as const).map(
      (pool) => g.pool(pool, x, pool),
    );
    const module = { name: 'scores', inputs: 4 * HIDDEN, outputs: headWidth(kind) };
    const logits = g.linear([module], 'none', g.concat(pools, 'pools'), 'logits');
    if (kind === 'texts') {
      g.parameter(PAIRS.weight, PAIR_CLASSES, 3 * headWidth(kind), PAIRS.weight);
      g.parameter(PAIRS.bias, 1, PAIR_CLASSES, PAIRS.bias);
    }
    return logits;
  }
  if (kind !== 'vocabulary') {
    const outputs = kind === 'span' ? 2 : 3;
    return g.linear([{ name: 'scores', inputs: HIDDEN, outputs }], 'none', x, 'logits');
  }
  const dense = { name: 'dense', inputs: HIDDEN, outputs: HIDDEN };
  const y = g.linear([dense], 'gelu', g.select(x, 'selected'), 'selected.dense');
  const normal = g.norm('norm3', HIDDEN, 1e-6, y, null, 'selected.normal');
  const decoder = { name: 'tokens', inputs: HIDDEN, outputs: FAMILY_VOCABULARY };
  return g.product([decoder], ['decoder.bias'], 'none', normal, 'logits');
}

export function familyGraph(kind: Head, dropout = 0): EncoderGraph {
  const g = new GraphBuilder();
  const tables = [{ weight: 'tokens', rows: FAMILY_VOCABULARY, index: 'token' }] as const;
  const x = g.norm('norm0', HIDDEN, 1e-6, g.embedding(tables, HIDDEN, 'x'), null, 'x.normal');
  const distances = g.parameter('distances', 2 * BUCKETS, HIDDEN, 'pos');
  const normal = g.norm('norm4', HIDDEN, 1e-6, distances, null, 'pos.normal');
  const bounded = g.add({ op: 'activation', kind: 'tanh', input: normal, output: 'pos.bounded' });
  const dropped = g.dropout(dropout, bounded, 'pos.drop');
  for (const name of ['key', 'query'])
    g.linear([{ name, inputs: HIDDEN, outputs: HIDDEN }], 'none', dropped, `pos.${name}`);
  const y = layer(g, layer(g, x, 'first', dropout), 'second', dropout);
  g.output('hidden', y);
  g.output('logits', head(g, y, kind));
  return g.finish({
    architecture: 'toy',
    maxTokens: 64,
    vocabulary: FAMILY_VOCABULARY,
    segments: 1,
  });
}

/** Selects about every third token, and none of some texts. */
export function selectSome(batch: TokenBatch, seed: number): TokenBatch {
  const random = new Random(seed);
  const all = Array.from(batch.ids.keys());
  return { ...batch, selected: Int32Array.from(all.filter(() => random.integer(0, 2) === 0)) };
}

export function headWidth(kind: Head): number {
  return { texts: 3, scores: 1, tokens: 3, span: 2, vocabulary: FAMILY_VOCABULARY }[kind];
}

/** Rows of the logits. */
export function rowsOf(kind: Head, batch: TokenBatch): number {
  if (kind === 'texts' || kind === 'scores') return batch.offsets.length - 1;
  return kind === 'vocabulary' ? (batch.selected ?? batch.ids).length : batch.ids.length;
}

/** A random loss of a kind that fits the head, with ignored labels, and perhaps with settings. */
export function lossFor(
  head: Head,
  kind: LossKind,
  batch: TokenBatch,
  settings?: LossSettings,
): LossTerm {
  const plain = plainLoss(head, kind, batch, settings?.relation);
  return settings === undefined ? plain : { ...plain, settings };
}

/** Losses whose targets are shares from 0 to 1. */
const OF_SHARES: readonly LossKind[] = ['bce', 'sigmoid_focal', 'soft_cross_entropy'];

function plainLoss(
  head: Head,
  kind: LossKind,
  batch: TokenBatch,
  columns?: RelationColumns,
): LossTerm {
  const random = new Random(31);
  const rows = rowsOf(head, batch);
  const width = headWidth(head);
  const draw = (length: number, next: (i: number) => number) =>
    Int32Array.from({ length }, (_, i) => next(i));
  switch (LOSSES[kind].targets) {
    case 'classes':
      return term(
        kind,
        draw(rows, () => random.integer(-1, width - 1)),
      );
    case 'values': {
      const shares = () => random.integer(0, 2) / 2;
      const targets = Float32Array.from({ length: rows * width }, shares);
      return term(kind, OF_SHARES.includes(kind) ? targets : random.floats(rows * width, 2));
    }
    case 'spans': {
      const lengthOf = (i: number) => at(batch.offsets, i + 1) - at(batch.offsets, i);
      const texts = batch.offsets.length - 1;
      const targets = draw(2 * texts, (i) => random.integer(-1, lengthOf(Math.floor(i / 2)) - 1));
      return term(kind, targets);
    }
    case 'positives': {
      const anchors = Math.floor(rows / 3);
      return term(
        kind,
        draw(anchors, (i) => (i === 1 ? -1 : random.integer(0, rows - anchors - 1))),
      );
    }
    case 'scores': {
      const isContrast = kind === 'contrastive' || kind === 'online_contrastive';
      const scores = Float32Array.from({ length: rows / 2 }, (_, i) =>
        isContrast ? i % 2 : random.integer(0, 3),
      );
      // No cosine distance is beyond this margin, so the loss has no kink there.
      return { ...term(kind, scores), ...(isContrast && { margin: 2.5 }) };
    }
    case 'margins':
      // A quarter of the rows are anchors, with two negatives each; the hinge of triplets is always open.
      return term(
        kind,
        random.floats(rows / 2, 0.1).map((margin) => 3 + margin),
      );
    case 'vectors': {
      const { first, second, targetColumns } = columns ?? relation(1, 0, 0, 1, 1);
      const blocks = first === second ? 1 : 2;
      return term(kind, random.floats(blocks * rows * targetColumns, 2));
    }
    case 'groups':
      return {
        ...term(
          kind,
          Int32Array.from({ length: rows }, (_, i) => i % 2),
        ),
        margin: 3,
      };
    case 'pair_classes':
      return term(
        kind,
        Int32Array.from({ length: rows / 2 }, (_, i) => (3 * i) % PAIR_CLASSES),
      );
    case 'rankings':
      // A quarter of the rows are anchors, with two negatives each.
      return term(kind, random.floats((3 * rows) / 4, 2));
    case 'lists': {
      // A short list and a long one, with two texts of the same relevance.
      const relevances = Float32Array.from({ length: rows }, (_, i) => [2, 0, 1, 0, 3][i % 5] ?? 0);
      return { ...term(kind, relevances), lists: Int32Array.of(1, rows - 1), scale: 2 };
    }
  }
}

const classWeights = Float32Array.of(0.5, 2, 1.25);
const posWeights = Float32Array.of(3, 0, 0.75);

const relation = (
  heads: number,
  first: number,
  second: number,
  columns: number,
  targetColumns: number,
): RelationColumns => ({ heads, first, second, columns, targetColumns });

type HeadLoss = readonly [Head, LossKind, LossSettings?];

const ROWS: readonly HeadLoss[] = [
  ['texts', 'cross_entropy'],
  ['texts', 'cross_entropy', { labelSmoothing: 0.1 }],
  ['tokens', 'cross_entropy', { labelSmoothing: 0.2, classWeights }],
  ['texts', 'soft_cross_entropy'],
  ['tokens', 'soft_cross_entropy', { labelSmoothing: 0.3 }],
  ['texts', 'focal', { gamma: 2, classWeights }],
  ['tokens', 'focal', { gamma: 0.5 }],
  ['tokens', 'focal'],
  ['texts', 'kl_divergence'],
  ['tokens', 'kl_divergence', { temperature: 2 }],
  ['texts', 'bce'],
  ['tokens', 'bce', { posWeights }],
  ['texts', 'bce', { posWeights, classWeights }],
  ['texts', 'sigmoid_focal', { gamma: 2, alpha: 0.25 }],
  ['tokens', 'sigmoid_focal', { gamma: 0.5 }],
  ['tokens', 'sigmoid_focal'],
  ['texts', 'mse'],
  ['texts', 'mae'],
  ['texts', 'huber', { delta: 0.5 }],
  ['tokens', 'smooth_l1', { beta: 0.5 }],
  ['texts', 'cosine_distance'],
  ['tokens', 'cosine_distance'],
  ['tokens', 'relation', { relation: relation(3, 0, 0, 3, 6) }],
  ['tokens', 'relation', { relation: relation(1, 2, 0, 1, 2) }],
  ['tokens', 'token_relation', { relation: relation(1, 0, 1, 1, 3) }],
  ['texts', 'in_batch_negatives'],
  ['texts', 'cosent'],
  ['texts', 'angle'],
  ['texts', 'cosine_similarity'],
  ['texts', 'pair_cross_entropy', { classifier: PAIRS }],
  ['texts', 'contrastive'],
  ['texts', 'online_contrastive'],
  ['texts', 'triplet'],
  ['texts', 'margin_mse'],
  ['texts', 'batch_hard_triplet'],
  ['texts', 'in_batch_negatives', { dot: true }],
  ['texts', 'in_batch_negatives', { directions: DIRECTIONS }],
  ['texts', 'in_batch_negatives', { directions: ['doc_to_query'], perDirection: true }],
  ['texts', 'distill_kl_div', { temperature: 2 }],
  ['scores', 'lambda'],
  ['scores', 'lambda', { weighting: 'none', sigma: 2 }],
  ['scores', 'lambda', { weighting: 'ndcg_loss1', sigmoid: true }],
  ['scores', 'lambda', { weighting: 'ndcg_loss2', k: 1 }],
  ['scores', 'lambda', { weighting: 'lambda_rank', k: 2 }],
  ['scores', 'lambda', { mu: 2, k: 1, sigmoid: true }],
  ['scores', 'list_net'],
  ['scores', 'list_net', { sigmoid: true }],
  ['scores', 'list_mle'],
  ['scores', 'list_mle', { byPosition: true }],
  ['scores', 'list_mle', { byPosition: true, sigmoid: true }],
  ['scores', 'first_of_list'],
  ['scores', 'first_of_list', { sigmoid: true }],
  ['scores', 'list_margin_mse'],
  ['scores', 'list_margin_mse', { sigmoid: true }],
  ['scores', 'list_mse'],
  ['scores', 'list_mse', { sigmoid: true }],
  ['tokens', 'cross_entropy'],
  ['tokens', 'bce'],
  ['tokens', 'external'],
  ['span', 'span'],
  ['span', 'span_kl_divergence'],
  ['tokens', 'span_kl_divergence', { temperature: 2 }],
  ['vocabulary', 'cross_entropy'],
  ['vocabulary', 'mse'],
  ['vocabulary', 'external'],
  ['vocabulary', 'in_batch_negatives'],
];

/** The heads with the losses that they are trained with, and settings of the loss. */
export const HEAD_LOSSES = ROWS.map(([head, kind, settings]) => [head, kind, settings] as const);
