/**
 * Every loss of the table in float64, from its output, written from the formulas.
 *
 * Those over lists and over directions of a batch are in exact-lists.ts.
 */

import type { LossKind, LossTerm } from '../../lib/native/losses.js';
import type { TokenBatch } from '../../lib/native/program.js';
import { inBatchNegatives, LIST_EXACT } from './exact-lists.js';
import { at } from './toy.js';

const logSumExp = (x: readonly number[]) => {
  const top = Math.max(...x);
  return top + Math.log(x.reduce((sum, v) => sum + Math.exp(v - top), 0));
};
const mean = (x: readonly number[]) =>
  x.length === 0 ? 0 : x.reduce((sum, v) => sum + v, 0) / x.length;

/** Mean over the labelled rows of -log softmax. */
function entropy(rows: readonly (readonly number[])[], labels: LossTerm['targets']): number {
  const losses = rows.flatMap((row, i) => {
    const label = at(labels, i);
    return label < 0 ? [] : [logSumExp(row) - at(row, label)];
  });
  return mean(losses);
}

type Exact = (
  one: LossTerm,
  x: readonly number[],
  of: TokenBatch,
  width: number,
  weights: ReadonlyMap<string, Float32Array>,
) => number;

const rowsOfWidth = (x: readonly number[], width: number) =>
  Array.from({ length: x.length / width }, (_, i) => x.slice(i * width, (i + 1) * width));

type Row = readonly number[];

const dot = (p: Row, q: Row) => p.reduce((sum, v, i) => sum + v * at(q, i), 0);

function cosine(a: Row, b: Row): number {
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Mean over the labelled rows of what `loss` makes of the logarithms of their softmax, divided by the sum of `weight`. */
function overRows(
  { targets }: LossTerm,
  rows: readonly (readonly number[])[],
  loss: (logP: readonly number[], label: number) => number,
  weight = (_label: number) => 1,
): number {
  let [sum, divisor] = [0, 0];
  rows.forEach((row, i) => {
    const label = at(targets, i);
    if (label < 0) return;
    const all = logSumExp(row);
    sum += loss(
      row.map((v) => v - all),
      label,
    );
    divisor += weight(label);
  });
  return divisor === 0 ? 0 : sum / divisor;
}

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const weightIn = (weights: Float32Array | undefined, i: number) => weights?.[i] ?? 1;
const logSoftmax = (x: readonly number[]) => x.map((v) => v - logSumExp(x));

/** AnglE's similarity of two vectors of three numbers: two complex ones, the second without an imaginary part. */
function angle([a = 0, b = 0, c = 0]: Row, [d = 0, e = 0, f = 0]: Row): number {
  const sum = a * d + c * f + b * e + (c * d - a * f);
  return Math.abs(sum) / Math.hypot(a, b, c) / Math.hypot(d, e, f);
}

/** A similarity of each pair: the first half of the rows with the second half. */
function pairsOf(
  targets: LossTerm['targets'],
  x: Row,
  width: number,
  similarity: (a: Row, b: Row) => number,
): number[] {
  const all = rowsOfWidth(x, width);
  return Array.from(targets, (_, i) => similarity(all[i] ?? [], all[targets.length + i] ?? []));
}

function ranked(targets: LossTerm['targets'], similarities: Row): number {
  const terms = similarities.flatMap((low, i) =>
    similarities.flatMap((high, j) => (at(targets, i) < at(targets, j) ? [20 * (low - high)] : [])),
  );
  return logSumExp([0, ...terms]);
}

/** Mean of a loss over examples with two negatives each. */
function overNegatives(
  targets: LossTerm['targets'],
  x: Row,
  width: number,
  loss: (texts: readonly [Row, Row, Row], margin: number) => number,
): number {
  const all = rowsOfWidth(x, width);
  const examples = targets.length / 2;
  const row = (block: number, i: number) => all[block * examples + i] ?? [];
  return mean(
    Array.from(targets, (margin, j) => {
      const i = Math.floor(j / 2);
      return loss([row(0, i), row(1, i), row(2 + (j % 2), i)], margin);
    }),
  );
}

/** Divergence of the relations of texts [from, to) from the teacher's, divided by heads * their tokens. */
function divergenceOf(
  { targets, settings }: LossTerm,
  x: Row,
  width: number,
  { offsets, from, to }: { offsets: Int32Array; from: number; to: number },
): number {
  const columns = settings?.relation;
  if (columns === undefined) return Number.NaN;
  const { heads, first, second, columns: own, targetColumns } = columns;
  const theirs = rowsOfWidth([...targets], targetColumns);
  const block = first === second ? 0 : theirs.length / 2;
  const logRelation = (a: readonly Row[], b: readonly Row[]) =>
    a.map((row) => logSoftmax(b.map((other) => dot(row, other) / Math.sqrt(row.length))));
  let sum = 0;
  for (let text = from; text < to; text++) {
    const [begin, end] = [at(offsets, text), at(offsets, text + 1)];
    for (let head = 0; head < heads; head++) {
      const cut = (rows: readonly Row[], begins: number, size: number) =>
        rows.map((row) => row.slice(begins + head * size, begins + (head + 1) * size));
      const rows = rowsOfWidth(x, width).slice(begin, end);
      const [a, b] = [first, second].map((column) => cut(rows, column, own / heads));
      const [c, d] = [0, block].map((base) =>
        cut(theirs.slice(base + begin, base + end), 0, targetColumns / heads),
      );
      const teacher = logRelation(c ?? [], d ?? []);
      logRelation(a ?? [], b ?? []).forEach((row, i) => {
        row.forEach((log, j) => {
          const q = at(teacher[i] ?? [], j);
          sum += Math.exp(q) * (q - log);
        });
      });
    }
  }
  return sum / heads / (at(offsets, to) - at(offsets, from));
}

/** Every loss in float64, from its output. */
export const EXACT: Record<LossKind, Exact> = {
  external: () => 0,
  cross_entropy: (one, x, _, width) => {
    const { labelSmoothing = 0, classWeights } = one.settings ?? {};
    const weight = (label: number) => weightIn(classWeights, label);
    const loss = (logP: readonly number[], label: number) =>
      -(1 - labelSmoothing) * weight(label) * at(logP, label) -
      labelSmoothing * mean(logP.map((v, c) => weight(c) * v));
    return overRows(one, rowsOfWidth(x, width), loss, weight);
  },
  soft_cross_entropy: ({ targets, settings }, x, _, width) => {
    const { labelSmoothing = 0 } = settings ?? {};
    const share = (i: number) => (1 - labelSmoothing) * at(targets, i) + labelSmoothing / width;
    const rows = rowsOfWidth(x, width).map(logSoftmax);
    return -mean(
      rows.map((row, i) => row.reduce((sum, v, c) => sum + share(i * width + c) * v, 0)),
    );
  },
  focal: (one, x, _, width) => {
    const { gamma = 0, classWeights } = one.settings ?? {};
    return overRows(one, rowsOfWidth(x, width), (logP, label) => {
      const logit = at(logP, label);
      return -weightIn(classWeights, label) * (1 - Math.exp(logit)) ** gamma * logit;
    });
  },
  kl_divergence: ({ targets, settings }, x, _, width) => {
    const { temperature = 1 } = settings ?? {};
    const softened = (all: readonly number[]) =>
      rowsOfWidth(all, width).map((row) => logSoftmax(row.map((v) => v / temperature)));
    const teacher = softened([...targets]);
    const rows = softened(x).map((row, i) => {
      const theirs = teacher[i] ?? [];
      return row.reduce((sum, v, c) => sum + Math.exp(at(theirs, c)) * (at(theirs, c) - v), 0);
    });
    return temperature ** 2 * mean(rows);
  },
  bce: ({ targets, settings }, x, _, width) => {
    const { posWeights, classWeights } = settings ?? {};
    const one = (v: number, i: number) => {
      const [t, column] = [at(targets, i), i % width];
      const both = weightIn(posWeights, column) * t * softplus(-v) + (1 - t) * softplus(v);
      return weightIn(classWeights, column) * both;
    };
    return mean(x.map(one));
  },
  sigmoid_focal: ({ targets, settings }, x) => {
    const { gamma = 0, alpha } = settings ?? {};
    const one = (v: number, t: number) => {
      const s = 1 / (1 + Math.exp(-v));
      const up = (alpha ?? 1) * t * (1 - s) ** gamma * softplus(-v);
      return up + (alpha === undefined ? 1 : 1 - alpha) * (1 - t) * s ** gamma * softplus(v);
    };
    return mean(x.map((v, i) => one(v, at(targets, i))));
  },
  mse: ({ targets }, x) => mean(x.map((v, i) => (v - at(targets, i)) ** 2)),
  mae: ({ targets }, x) => mean(x.map((v, i) => Math.abs(v - at(targets, i)))),
  huber: ({ targets, settings }, x) => {
    const { delta = 1 } = settings ?? {};
    const one = (d: number) => (d <= delta ? d ** 2 / 2 : delta * (d - delta / 2));
    return mean(x.map((v, i) => one(Math.abs(v - at(targets, i)))));
  },
  smooth_l1: ({ targets, settings }, x) => {
    const { beta = 1 } = settings ?? {};
    const one = (d: number) => (d < beta ? d ** 2 / (2 * beta) : d - beta / 2);
    return mean(x.map((v, i) => one(Math.abs(v - at(targets, i)))));
  },
  cosine_distance: ({ targets }, x, _, width) => {
    const theirs = rowsOfWidth([...targets], width);
    return mean(rowsOfWidth(x, width).map((row, i) => 1 - cosine(row, theirs[i] ?? [])));
  },
  relation: (one, x, { offsets }, width) => {
    const perText = Array.from(offsets.subarray(1), (_, i) =>
      divergenceOf(one, x, width, { offsets, from: i, to: i + 1 }),
    );
    return mean(perText);
  },
  token_relation: (one, x, { offsets }, width) =>
    divergenceOf(one, x, width, { offsets, from: 0, to: offsets.length - 1 }),
  span: ({ targets }, x, { offsets }) => {
    const column = (c: number) =>
      Array.from(offsets.subarray(1), (end, i) =>
        x.slice(2 * at(offsets, i), 2 * end).filter((_, j) => j % 2 === c),
      );
    const labels = (c: number) => targets.filter((_, i) => i % 2 === c);
    return (entropy(column(0), labels(0)) + entropy(column(1), labels(1))) / 2;
  },
  span_kl_divergence: ({ targets, settings }, x, { offsets }, width) => {
    const { temperature = 1 } = settings ?? {};
    const columns = Array.from(offsets.subarray(1), (end, i) => {
      const inText = (all: readonly number[], c: number) =>
        all.slice(width * at(offsets, i), width * end).filter((_, j) => j % width === c);
      return Array.from({ length: width }, (_, c) => {
        const [own = [], theirs = []] = [x, [...targets]].map((all) =>
          logSoftmax(inText(all, c).map((v) => v / temperature)),
        );
        return theirs.reduce((sum, q, t) => sum + Math.exp(q) * (q - at(own, t)), 0);
      });
    });
    return temperature ** 2 * mean(columns.flat());
  },
  in_batch_negatives: inBatchNegatives,
  cosent: ({ targets }, x, _, width) => ranked(targets, pairsOf(targets, x, width, cosine)),
  angle: ({ targets }, x, _, width) => ranked(targets, pairsOf(targets, x, width, angle)),
  cosine_similarity: ({ targets }, x, _, width) =>
    mean(pairsOf(targets, x, width, cosine).map((cos, i) => (cos - at(targets, i)) ** 2)),
  pair_cross_entropy: ({ targets, settings }, x, _, width, weights) => {
    const { weight = '', bias = '' } = settings?.classifier ?? {};
    const rows = rowsOfWidth(x, width);
    const matrix = rowsOfWidth([...(weights.get(weight) ?? [])], 3 * width);
    const scores = Array.from(targets, (_target, i) => {
      const [u = [], v = []] = [rows[i], rows[targets.length + i]];
      const inputs = [...u, ...v, ...u.map((one, k) => Math.abs(one - at(v, k)))];
      return matrix.map((row, c) => dot(row, inputs) + at(weights.get(bias) ?? [], c));
    });
    return entropy(scores, targets);
  },
  contrastive: ({ targets, margin = 0.5 }, x, _, width) =>
    mean(
      pairsOf(targets, x, width, cosine).map((cos, i) =>
        at(targets, i) === 1 ? (1 - cos) ** 2 / 2 : Math.max(margin - 1 + cos, 0) ** 2 / 2,
      ),
    ),
  online_contrastive: ({ targets, margin = 0.5 }, x, _, width) => {
    const all = pairsOf(targets, x, width, cosine).map((cos, i) => ({
      d: 1 - cos,
      own: at(targets, i) === 1,
    }));
    const [near, far] = [true, false].map((own) =>
      all.filter((one) => one.own === own).map(({ d }) => d),
    ) as [number[], number[]];
    const above = far.length > 1 ? Math.min(...far) : mean(near);
    const below = near.length > 1 ? Math.max(...near) : mean(far);
    return (
      near.reduce((sum, d) => sum + (d > above ? d ** 2 : 0), 0) +
      far.reduce((sum, d) => sum + (d < below ? Math.max(margin - d, 0) ** 2 : 0), 0)
    );
  },
  triplet: ({ targets }, x, _, width) =>
    overNegatives(targets, x, width, ([a, p, n], margin) =>
      Math.max(cosine(a, n) - cosine(a, p) + margin, 0),
    ),
  margin_mse: ({ targets }, x, _, width) =>
    overNegatives(targets, x, width, ([a, p, n], margin) => (dot(a, p) - dot(a, n) - margin) ** 2),
  batch_hard_triplet: ({ targets, margin = 0.5 }, x, _, width) => {
    const all = rowsOfWidth(x, width);
    const hinges = all.map((row, i) => {
      const others = (same: boolean) =>
        all.flatMap((other, j) =>
          i !== j && (at(targets, i) === at(targets, j)) === same ? [1 - cosine(row, other)] : [],
        );
      return Math.max(Math.max(...others(true)) - Math.min(...others(false)) + margin, 0);
    });
    return mean(hinges);
  },
  ...LIST_EXACT,
};
