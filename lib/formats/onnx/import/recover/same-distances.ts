/**
 * Checks that two drafts of one graph, from walks with different distances, agree on the distances that both have seen.
 */

import { logBucket, t5Bucket } from './distances.js';
import { type DraftAttention, operandsOf, type Value } from './draft.js';
import type { FoundOutputs } from './outputs.js';

/** `near` has seen distances below `length`, `far` more. The drafts must have the same nodes. */
export function sameDistances(near: FoundOutputs, far: FoundOutputs, length: number): boolean {
  const [a, b] = [attentionsOf(near), attentionsOf(far)];
  const pairs = a.map((one, i) => [one, b[i]] as const);
  return a.length === b.length && pairs.every(([x, y]) => y !== undefined && same(x, y, length));
}

function attentionsOf({ found, hidden }: FoundOutputs): DraftAttention[] {
  const seen = new Set<Value>();
  const list: DraftAttention[] = [];
  const visit = (value: Value): void => {
    if (seen.has(value)) return;
    seen.add(value);
    operandsOf(value.node).forEach(visit);
    if (value.node.op === 'attention') list.push(value.node);
  };
  for (const { value } of found) visit(value);
  visit(hidden);
  return list;
}

function same(near: DraftAttention, far: DraftAttention, length: number): boolean {
  const sees = ({ window }: DraftAttention, d: number) => window === null || Math.abs(d) <= window;
  for (let d = 1 - length; d < length; d++) {
    if (sees(near, d) !== sees(far, d)) return false;
    if (!sees(near, d)) continue;
    if (!sameBias(near, far, d) || !sameTerms(near, far, d)) return false;
  }
  return true;
}

function sameBias({ heads, relativeBias: a }: DraftAttention, far: DraftAttention, d: number) {
  const b = far.relativeBias;
  if (a === null || b === null) return a === b;
  const [at, from] = [a, b].map(
    ({ matrix, maxDistance }) => t5Bucket(d, matrix.rows, maxDistance) * heads,
  ) as [number, number];
  const [left, right] = [a.matrix.literal, b.matrix.literal];
  if (left === undefined || right === undefined) return left === right && at === from;
  for (let h = 0; h < heads; h++) {
    if (Math.abs((left[at + h] ?? 0) - (right[from + h] ?? 0)) > 1e-5) return false;
  }
  return true;
}

function sameTerms({ disentangled: a }: DraftAttention, far: DraftAttention, d: number) {
  const b = far.disentangled;
  if (a === null || b === null) return a === b;
  return logBucket(d, a.buckets, a.maxDistance) === logBucket(d, b.buckets, b.maxDistance);
}
