// The losses over lists and over directions of a batch in float64, written from the papers.

import type { Direction, LossSettings, LossTerm } from '../../lib/native/losses.js';
import { at } from './toy.js';

type Row = readonly number[];
type Exact = (term: LossTerm, x: Row, of: unknown, width: number) => number;

const sum = (x: Row) => x.reduce((a, b) => a + b, 0);
const logSumExp = (x: Row) => {
  const top = Math.max(...x);
  return top + Math.log(sum(x.map((v) => Math.exp(v - top))));
};
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const softmax = (x: Row) => x.map((v) => Math.exp(v - logSumExp(x)));
const falling = (x: Row) => [...x.keys()].sort((i, j) => at(x, j) - at(x, i) || i - j);

interface List {
  readonly scores: Row;
  readonly labels: Row;
}

/** The lists of a term; scores are after the activation. */
function listsOf({ targets, lists = new Int32Array(), settings }: LossTerm, x: Row): List[] {
  let first = 0;
  return [...lists].map((length) => {
    const scores = x.slice(first, first + length);
    const labels = [...targets.subarray(first, first + length)];
    first += length;
    return {
      scores: settings?.sigmoid ? scores.map((v) => 1 / (1 + Math.exp(-v))) : scores,
      labels,
    };
  });
}

/** Mean over the lists. */
const overLists =
  (loss: (list: List, term: LossTerm) => number): Exact =>
  (term, x) => {
    const lists = listsOf(term, x);
    return sum(lists.map((list) => loss(list, term))) / lists.length;
  };

/** Mean over the numbers that all lists have together. */
const overAll =
  (losses: (list: List, term: LossTerm) => Row): Exact =>
  (term, x) => {
    const all = listsOf(term, x).flatMap((list) => losses(list, term));
    return sum(all) / Math.max(1, all.length);
  };

/** Weight of the pair of the texts at ranks i and j (from 1). */
function pairWeight(
  { weighting = 'ndcg_loss2_pp', mu = 10 }: LossSettings,
  gains: Row,
  i: number,
  j: number,
): number {
  const inverse = (rank: number) => 1 / Math.log2(1 + rank);
  const apart = Math.abs(at(gains, i - 1) - at(gains, j - 1));
  const loss2 = apart * Math.abs(inverse(Math.abs(i - j)) - inverse(Math.abs(i - j) + 1));
  const rank = apart * Math.abs(inverse(i) - inverse(j));
  switch (weighting) {
    case 'none':
      return 1;
    case 'ndcg_loss1':
      return at(gains, i - 1) * inverse(i);
    case 'ndcg_loss2':
      return loss2;
    case 'lambda_rank':
      return rank;
    case 'ndcg_loss2_pp':
      return mu * loss2 + rank;
  }
}

function lambdaPairs({ scores, labels }: List, { settings = {} }: LossTerm): number[] {
  const { sigma = 1, k = 0, weighting } = settings;
  const size = scores.length;
  const top = k === 0 ? size : k;
  const gainOf = (label: number) => 2 ** Math.max(label, 0) - 1;
  const ideal = [...labels].sort((a, b) => b - a).slice(0, top);
  const most = Math.max(1e-10, sum(ideal.map((label, i) => gainOf(label) / Math.log2(2 + i))));
  const order = falling(scores);
  const gains = order.map((i) => gainOf(at(labels, i)) / most);
  const ranks = order.map((_, i) => i + 1);
  return ranks.flatMap((i) =>
    ranks.flatMap((j) => {
      const [a, b] = [at(order, i - 1), at(order, j - 1)];
      const isPair = weighting === 'ndcg_loss1' || at(labels, a) > at(labels, b);
      if (!isPair || Math.min(i, j) > top) return [];
      const weight = pairWeight(settings, gains, i, j);
      return [weight * softplus(-sigma * (at(scores, a) - at(scores, b)))];
    }),
  );
}

function likelihood({ scores, labels }: List, { settings }: LossTerm): number {
  const order = falling(labels);
  const size = order.length;
  const weights = order.map((_, i) => (settings?.byPosition ? 2 ** (size - 1 - i) - 1 : 1));
  const total = settings?.byPosition ? Math.max(sum(weights), 1e-10) : 1;
  const places = order.map((own, i) => {
    const rest = order.slice(i).map((j) => at(scores, j));
    return (at(weights, i) / total) * (logSumExp(rest) - at(scores, own));
  });
  return sum(places);
}

const dot = (p: Row, q: Row) => sum(p.map((v, i) => v * at(q, i)));
const cosine = (a: Row, b: Row) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/** Logits of anchor i against everything that a direction compares with it. */
function directed(
  direction: Direction,
  i: number,
  own: { readonly anchors: readonly Row[]; readonly docs: readonly Row[]; readonly label: number },
  similarity: (a: Row, b: Row) => number,
): number[] {
  const { anchors, docs, label } = own;
  const [anchor = [], doc = []] = [anchors[i], docs[label]];
  const isOwn = (c: number) => c % anchors.length === label % anchors.length;
  switch (direction) {
    case 'query_to_doc':
      return docs.map((other) => similarity(anchor, other));
    case 'query_to_query':
      return anchors.flatMap((other, j) => (i === j ? [] : [similarity(anchor, other)]));
    case 'doc_to_query':
      return anchors.map((other) => similarity(doc, other));
    case 'doc_to_doc':
      return docs.flatMap((other, c) => (isOwn(c) ? [] : [similarity(doc, other)]));
  }
}

export const inBatchNegatives: Exact = ({ targets, scale = 20, settings = {} }, x, _, width) => {
  const rows = Array.from({ length: x.length / width }, (_row, i) =>
    x.slice(i * width, (i + 1) * width),
  );
  const anchors = rows.slice(0, targets.length);
  const docs = rows.slice(targets.length);
  const similarity = settings.dot ? dot : cosine;
  const directions = [...new Set<Direction>(['query_to_doc', ...(settings.directions ?? [])])];
  const losses = [...targets].flatMap((label, i) => {
    if (label < 0) return [];
    const own = { anchors, docs, label };
    const logits = directions.map((one) =>
      directed(one, i, own, similarity).map((score) => scale * score),
    );
    const right = scale * similarity(anchors[i] ?? [], docs[label] ?? []);
    if (!settings.perDirection) return [logSumExp(logits.flat()) - right];
    return [sum(logits.map(logSumExp)) / logits.length - right];
  });
  return losses.length === 0 ? 0 : sum(losses) / losses.length;
};

export const LIST_EXACT = {
  distill_kl_div: ({ targets, settings }, x, _, width) => {
    const { temperature = 1 } = settings ?? {};
    const row = (i: number) => x.slice(i * width, (i + 1) * width);
    const examples = x.length / width - targets.length;
    const others = targets.length / examples;
    const losses = Array.from({ length: examples }, (_example, i) => {
      const own = Array.from({ length: others }, (_other, c) =>
        dot(row(i), row((1 + c) * examples + i)),
      );
      const teacher = [...targets.subarray(i * others, (i + 1) * others)];
      const [q, p] = [own, teacher].map((scores) => softmax(scores.map((v) => v / temperature)));
      return sum((p ?? []).map((v, c) => v * Math.log(v / at(q ?? [], c))));
    });
    return temperature ** 2 * (sum(losses) / examples);
  },
  lambda: overAll(lambdaPairs),
  list_net: overLists(({ scores, labels }) => {
    const all = logSumExp(scores);
    return -sum(softmax(labels).map((p, i) => p * (at(scores, i) - all)));
  }),
  list_mle: overLists(likelihood),
  first_of_list: overLists(({ scores }, { scale = 20 }) => {
    const scaled = scores.map((v) => scale * v);
    return logSumExp(scaled) - at(scaled, 0);
  }),
  list_margin_mse: overAll(({ scores, labels }) =>
    scores.slice(1).map((v, i) => (at(scores, 0) - v - (at(labels, 0) - at(labels, i + 1))) ** 2),
  ),
  list_mse: overAll(({ scores, labels }) => scores.map((v, i) => (v - at(labels, i)) ** 2)),
} as const satisfies Readonly<Record<string, Exact>>;
