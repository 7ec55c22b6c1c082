/** The objective of a training with chosen losses, from the options and the rows to train on. */

import type { LossKind, LossSettings, LossTerm } from '../../native/losses.js';
import type { RowLabels } from '../../train/contrastive-pairs.js';
import type { Corpus } from '../../train/corpus.js';
import type { Objective } from '../../train/objectives.js';
import type { TargetNumbers } from '../../train/targets.js';
import { balancedClassWeights, balancedPosWeights } from './label-weights.js';
import type { LossChoice } from './loss-options.js';

const KINDS: Readonly<Record<string, readonly [LossKind, LossKind]>> = {
  // For classes, and for numbers.
  focal: ['focal', 'sigmoid_focal'],
};

/**
 * The objective over targets of a corpus. With a teacher the targets of a row are its class and then the teacher's logits.
 * `labels`: number of outputs.
 */
export function lossObjective(choice: LossChoice, corpus: Corpus, labels: number): Objective {
  const isTaught = choice.teacher !== undefined;
  const classes = isTaught || corpus.targets.values instanceof Int32Array;
  const kind = KINDS[choice.loss]?.[classes ? 0 : 1] ?? (choice.loss as LossKind);
  const settings = settingsOf(choice, corpus, labels, kind);
  const own = (targets: LossTerm['targets'], weight: number): LossTerm => ({
    ...{ kind, output: 'logits', weight, targets },
    ...(Object.keys(settings).length > 0 && { settings }),
  });
  if (!isTaught) {
    return ({ tokens, targets }) => ({ tokens, terms: [own(targets.values, 1)] });
  }
  const { alpha, temperature } = choice;
  return ({ tokens, targets }) => {
    const { width, values } = targets;
    const logits = columns(values, width, 1, labels) as Float32Array;
    const taught: LossTerm = {
      ...{ kind: 'kl_divergence', output: 'logits', weight: alpha, targets: logits },
      settings: { temperature },
    };
    if (alpha === 1) return { tokens, terms: [taught] };
    const classOf = Int32Array.from(columns(values, width, 0, 1));
    return { tokens, terms: [taught, own(classOf, 1 - alpha)] };
  };
}

/** Rows of each class, in order; rows without one are in no class. */
export function rowsByClass({ targets, size }: Corpus, labels: number): number[][] {
  const classes = Array.from({ length: labels }, (): number[] => []);
  for (let row = 0; row < size; row++)
    classes[targets.values[row * targets.width] ?? -1]?.push(row);
  return classes.filter((rows) => rows.length > 0);
}

/** The labels of each row of a corpus; `labelsOf` finds them in its target numbers. */
export function labelsOfRows(
  { targets: { values, width }, size }: Corpus,
  labelsOf: (target: TargetNumbers) => readonly number[],
): RowLabels {
  return Array.from({ length: size }, (_, row) =>
    labelsOf(values.subarray(row * width, (row + 1) * width)),
  );
}

/** Columns [begin, begin + count) of rows of `width` numbers. */
function columns(values: TargetNumbers, width: number, begin: number, count: number) {
  const rows = values.length / width;
  const part = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    const from = row * width + begin;
    part.set(values.subarray(from, from + count), row * count);
  }
  return part;
}

function settingsOf(
  choice: LossChoice,
  corpus: Corpus,
  labels: number,
  kind: LossKind,
): LossSettings {
  const { labelSmoothing, classWeights, posWeights, focalGamma, focalAlpha } = choice;
  const weights =
    classWeights === 'balanced' ? balancedClassWeights(classCounts(corpus, labels)) : classWeights;
  const positive =
    posWeights === 'balanced'
      ? balancedPosWeights(positiveCounts(corpus, labels), corpus.size)
      : posWeights;
  return {
    ...(labelSmoothing > 0 && { labelSmoothing }),
    ...(weights !== undefined && { classWeights: weights }),
    ...(positive !== undefined && { posWeights: positive }),
    ...((kind === 'focal' || kind === 'sigmoid_focal') && { gamma: focalGamma }),
    ...(focalAlpha !== undefined && { alpha: focalAlpha }),
    ...(kind === 'huber' && { delta: choice.huberDelta }),
    ...(kind === 'smooth_l1' && { beta: choice.smoothL1Beta }),
  };
}

/** Rows, or tokens, of each class. */
function classCounts({ targets: { values, width } }: Corpus, labels: number): number[] {
  const counts = new Array<number>(labels).fill(0);
  for (let at = 0; at < values.length; at += width) {
    const label = values[at] ?? -1;
    if (label >= 0) counts[label] = (counts[label] ?? 0) + 1;
  }
  return counts;
}

function positiveCounts({ targets }: Corpus, labels: number): number[] {
  const counts = new Array<number>(labels).fill(0);
  targets.values.forEach((value, i) => {
    if (value > 0) counts[i % labels] = (counts[i % labels] ?? 0) + 1;
  });
  return counts;
}
