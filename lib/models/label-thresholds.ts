/** The probabilities from which the labels of a multi-label classifier count: the caller's, else what was fitted, else 0.5. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { classifierSettings } from '../graph/classifier-settings.js';
import type { ModelParts } from '../runtime/model-parts.js';

const EVEN_ODDS = 0.5;

/** 0.5 for each label. */
export function evenThresholds(labels: readonly string[]): readonly number[] {
  return labels.map(() => EVEN_ODDS);
}

/** A threshold for each label, in their order. `threshold`: one number for all, or one by label. */
export function labelThresholds(
  where: string,
  { config, path }: ModelParts,
  labels: readonly string[],
  threshold: number | Readonly<Record<string, number>> | undefined,
): readonly number[] {
  const fitted = classifierSettings(config, labels.length, path).thresholds;
  const own = fitted ?? evenThresholds(labels);
  return threshold === undefined ? own : readThresholds(where, threshold, labels, own);
}

function readThresholds(
  where: string,
  threshold: number | Readonly<Record<string, number>>,
  labels: readonly string[],
  own: readonly number[],
): readonly number[] {
  const what = 'a number from 0 to 1';
  const check = (at: string, value: unknown) => {
    if (typeof value !== 'number') throw typeMistake(at, what, value);
    if (!isShare(value)) throw rangeMistake(at, what, value);
    return value;
  };
  const at = `${where}: threshold`;
  if (typeof threshold !== 'object' || threshold === null) {
    return labels.map(() => check(at, threshold));
  }
  const unknown = Object.keys(threshold).find((name) => !labels.includes(name));
  if (unknown !== undefined) throw rangeMistake(at, `numbers for ${labels.join(', ')}`, unknown);
  return labels.map((label, i) =>
    Object.hasOwn(threshold, label)
      ? check(`${at}[${JSON.stringify(label)}]`, threshold[label])
      : (own[i] ?? EVEN_ODDS),
  );
}

const isShare = (value: number) => value >= 0 && value <= 1;
