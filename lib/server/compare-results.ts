/**
 * Compares what two models of one task give for the same inputs: vectors by their cosine, labels, entities and answers by equality.
 *
 * The rule: an agreement is a number from 0 to 1, and a result with a number that is not finite agrees with nothing.
 */
import { argmax } from '../metrics/logits.js';
import type { Candidate } from '../models/masked-lm.js';
import type { Answer } from '../tasks/question-answering/answer-spans.js';
import type { Entity } from '../tasks/token-classification/entities.js';
import type { ClassScores, ServedInfo, ServedTask } from './contract.js';

/** How alike two results are; `cosine` of vectors only. */
export interface Agreement {
  /** 1 where they say the same. Of vectors the cosine, at least 0. */
  readonly agreement: number;
  readonly cosine: number | null;
}

const SAME: Agreement = { agreement: 1, cosine: null };
const DIFFERENT: Agreement = { agreement: 0, cosine: null };

/** Probability from which a label of several counts, for the comparison. */
const THRESHOLD = 0.5;

type Compare = (a: never, b: never, info: ServedInfo) => Agreement;

/** Results of `rerank` are compared in `compareAll`, because one score says nothing about an order. */
const BY_TASK: Readonly<Record<Exclude<ServedTask, 'rerank'>, Compare>> = {
  embed: compareVectors,
  classify: compareScores,
  tag: compareEntities,
  answer: compareAnswers,
  'fill-mask': compareCandidates,
};

/** Compares results of the task of `info` in pairs. */
export function compareAll(
  info: ServedInfo,
  ours: readonly unknown[],
  theirs: readonly unknown[],
): Agreement[] {
  if (ours.length !== theirs.length) return ours.map(() => DIFFERENT);
  const { task } = info;
  if (task === 'rerank') return compareOrder(ours as number[], theirs as number[]);
  const compare = BY_TASK[task];
  return ours.map((one, i) => compare(one as never, theirs[i] as never, info));
}

function same(isSame: boolean): Agreement {
  return isSame ? SAME : DIFFERENT;
}

/** The cosine of two vectors, in double precision. Not finite: 0. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  const cosine = dot / Math.sqrt(aa * bb);
  return Number.isFinite(cosine) ? cosine : 0;
}

function compareVectors(a: Float32Array, b: Float32Array): Agreement {
  const cosine = cosineOf(a, b);
  return { agreement: Math.min(1, Math.max(0, cosine)), cosine };
}

function compareScores(a: ClassScores, b: ClassScores, { problem }: ServedInfo): Agreement {
  const [ours, theirs] = [a.scores, b.scores];
  if (ours.length !== theirs.length || !areFinite(ours) || !areFinite(theirs)) return DIFFERENT;
  if (problem === 'regression') {
    const off = ours.reduce((sum, one, i) => sum + Math.abs(one - (theirs[i] ?? 0)), 0);
    return { agreement: 1 / (1 + off / ours.length), cosine: null };
  }
  if (problem === 'multi_label_classification') {
    const has = (one: number | undefined) => (one ?? 0) >= THRESHOLD;
    return same(ours.every((one, i) => has(one) === has(theirs[i])));
  }
  return same(argmax(ours) === argmax(theirs));
}

function areFinite(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}

function compareEntities(a: readonly Entity[], b: readonly Entity[]): Agreement {
  const placesOf = (all: readonly Entity[]) =>
    JSON.stringify(all.map(({ entity, start, end }) => [entity, start, end]));
  return same(placesOf(a) === placesOf(b));
}

function compareAnswers([a]: readonly Answer[], [b]: readonly Answer[]): Agreement {
  return same(a?.start === b?.start && a?.end === b?.end);
}

function compareCandidates(
  a: readonly (readonly Candidate[])[],
  b: readonly (readonly Candidate[])[],
): Agreement {
  return same(a.every((mask, i) => mask[0]?.id === b[i]?.[0]?.id));
}

/** Whether a text stands at the same place of the order in both. */
function compareOrder(a: readonly number[], b: readonly number[]): Agreement[] {
  const [ours, theirs] = [placesIn(a), placesIn(b)];
  return a.map((score, i) => {
    const isSane = Number.isFinite(score) && Number.isFinite(b[i]);
    return same(isSane && ours[i] === theirs[i]);
  });
}

function placesIn(scores: readonly number[]): number[] {
  const order = scores
    .map((_, i) => i)
    .sort((i, j) => (scores[j] ?? 0) - (scores[i] ?? 0) || i - j);
  const places: number[] = [];
  for (const [place, index] of order.entries()) places[index] = place;
  return places;
}
