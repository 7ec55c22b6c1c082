/** Weights of labels: a number for each, by place or by name, or computed from how often each occurs. */

import { show, typeMistake } from '../../core/errors.js';

/** One number from 0 per label, in the order of the labels or by name, or 'balanced'. */
export type LabelWeights = 'balanced' | readonly number[] | Readonly<Record<string, number>>;

/** Checks weights; `balanced`: whether 'balanced' is allowed. Throws TypeError. */
export function readLabelWeights(
  where: string,
  weights: LabelWeights | undefined,
  labels: readonly string[],
  balanced: boolean,
): 'balanced' | Float32Array | undefined {
  if (weights === undefined) return undefined;
  if (weights === 'balanced' && balanced) return weights;
  const many = `${labels.length} numbers from 0, by label or in the order of the labels`;
  const what = balanced ? `'balanced', or ${many}` : many;
  if (typeof weights !== 'object' || weights === null) throw typeMistake(where, what, weights);
  const isList = Array.isArray(weights) || ArrayBuffer.isView(weights);
  const list: readonly unknown[] = isList
    ? Array.from(weights as readonly number[])
    : byName(where, weights as Readonly<Record<string, number>>, labels);
  if (list.length !== labels.length) throw typeMistake(where, what, weights);
  const bad = list.findIndex((v) => typeof v !== 'number' || !Number.isFinite(v) || v < 0);
  if (bad >= 0) throw typeMistake(`${where}[${show(labels[bad])}]`, 'a number from 0', list[bad]);
  return Float32Array.from(list as readonly number[]);
}

function byName(
  where: string,
  weights: Readonly<Record<string, number>>,
  labels: readonly string[],
): readonly unknown[] {
  const unknown = Object.keys(weights).find((name) => !labels.includes(name));
  if (unknown !== undefined) throw typeMistake(where, `weights of ${labels.join(', ')}`, unknown);
  return labels.map((label) => (Object.hasOwn(weights, label) ? weights[label] : 1));
}

/**
 * Weights that make every label count alike, as scikit-learn's 'balanced': rows / (labels with rows * rows of the label). A
 * label without rows has 1.
 */
export function balancedClassWeights(counts: readonly number[]): Float32Array {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const present = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 1 : rows / (present * count)));
}

/** Rows without the label / rows with it, for each label; a label without rows has 1. */
export function balancedPosWeights(counts: readonly number[], rows: number): Float32Array {
  return Float32Array.from(counts, (count) => (count === 0 ? 1 : (rows - count) / count));
}
