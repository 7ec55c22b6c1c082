/**
 * The options that choose the loss of a text classifier's training, checked and with defaults filled in.
 *
 * The rule: an option that has no effect on the chosen loss is refused, so that nobody believes that it had one.
 */

import { rangeMistake, typeMistake } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import { readOptions } from '../../core/options.js';
import type { ClassificationProblem } from '../../graph/checkpoint.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { type LabelWeights, readLabelWeights } from './label-weights.js';

/** The losses of each kind of problem; the first one is the default. */
export const CLASSIFIER_LOSSES = {
  single_label_classification: ['cross_entropy', 'focal'],
  multi_label_classification: ['bce', 'focal'],
  regression: ['mse', 'mae', 'huber', 'smooth_l1'],
} as const;

/** Name of a loss for a kind of problem. */
export type ClassifierLoss<K extends ClassificationProblem = ClassificationProblem> =
  (typeof CLASSIFIER_LOSSES)[K][number];

/** What a teacher has to be: a classifier with one label per text and the same labels, in any order. */
export interface Teacher {
  readonly labels: readonly string[];
  readonly problem: ClassificationProblem;
  logits(
    texts: readonly TextInput[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly rows: number; row(index: number): Float32Array }>;
}

/** The loss of a training, and which rows a training draws. */
export interface ClassifierLossOptions<K extends ClassificationProblem = ClassificationProblem> {
  /**
   * One label: cross_entropy (default) or focal. Several labels: bce (default) or focal. Numbers: mse (default), mae, huber
   * or smooth_l1.
   */
  readonly loss?: ClassifierLoss<K>;
  /** Cross entropy: share of each row's target that is spread evenly over all labels, from 0, below 1. Default: 0. */
  readonly labelSmoothing?: number;
  /**
   * One label, and bce: a factor from 0 on the loss of each label, in the order of the labels or by name; a label that is not
   * named has 1. 'balanced' (one label only): rows / (labels with rows * rows of the label). Cross entropy divides by the sum
   * of the factors, as PyTorch does; the other losses do not. Default: 1 for each.
   */
  readonly classWeights?: LabelWeights;
  /**
   * bce: a factor from 0 on the loss of rows that have the label, in the order of the labels or by name. 'balanced': rows
   * without the label / rows with it. Default: 1 for each.
   */
  readonly posWeights?: LabelWeights;
  /** focal: how little rows that are right count, 0 to 100; 0 makes it the plain loss. Default: 2. */
  readonly focalGamma?: number;
  /** focal for several labels: the weight of labels that apply, 0 to 1; the others have 1 - focalAlpha. Default: no weights. */
  readonly focalAlpha?: number;
  /** huber: the error from which the loss is linear, in units of the values. Default: 1. */
  readonly huberDelta?: number;
  /** smooth_l1: the error from which the loss is linear, in units of the values. Default: 1. */
  readonly smoothL1Beta?: number;
  /**
   * 'all' (default): an epoch has each row once. 'balanced' (one label only): an epoch has as many rows as there are, the same
   * number of each label; rows of rare labels are repeated and rows of frequent ones are left out until a later epoch.
   */
  readonly sampling?: 'all' | 'balanced';
  /**
   * One label: distils. The loss is alpha * the divergence from the teacher's probabilities + (1 - alpha) * the loss of the
   * labels. The teacher is a classifier with the same labels; 'logits' reads its logits from the field `logits` of each row,
   * in the order of this model's labels.
   */
  readonly teacher?: Teacher | 'logits';
  /** teacher: share of the teacher, above 0, at most 1; with 1 a row needs no label. Default: 0.5. */
  readonly alpha?: number;
  /** teacher: both logits are divided by it before the softmax; larger ones show more of the unlikely labels. Default: 2. */
  readonly temperature?: number;
}

/** The options after readLossOptions. */
export interface LossChoice {
  readonly loss: ClassifierLoss;
  readonly labelSmoothing: number;
  readonly classWeights: 'balanced' | Float32Array | undefined;
  readonly posWeights: 'balanced' | Float32Array | undefined;
  readonly focalGamma: number;
  readonly focalAlpha: number | undefined;
  readonly huberDelta: number;
  readonly smoothL1Beta: number;
  readonly sampling: 'all' | 'balanced';
  readonly teacher: Teacher | 'logits' | undefined;
  readonly alpha: number;
  readonly temperature: number;
  /** The options that the caller gave, for training.json. */
  readonly record: JsonObject;
}

/** Names of all these options. */
export const LOSS_OPTIONS = {
  loss: true,
  labelSmoothing: true,
  classWeights: true,
  posWeights: true,
  focalGamma: true,
  focalAlpha: true,
  huberDelta: true,
  smoothL1Beta: true,
  sampling: true,
  teacher: true,
  alpha: true,
  temperature: true,
} as const;

/** The options that each loss reads. */
const OWN: Readonly<
  Record<ClassificationProblem, Readonly<Record<string, readonly (keyof typeof LOSS_OPTIONS)[]>>>
> = {
  single_label_classification: {
    cross_entropy: ['labelSmoothing', 'classWeights'],
    focal: ['focalGamma', 'classWeights'],
  },
  multi_label_classification: {
    bce: ['classWeights', 'posWeights'],
    focal: ['focalGamma', 'focalAlpha'],
  },
  regression: { mse: [], mae: [], huber: ['huberDelta'], smooth_l1: ['smoothL1Beta'] },
};

/** Checks the options of a model with these labels. Throws TypeError or RangeError that names the option. */
export function readLossOptions(
  where: string,
  options: ClassifierLossOptions,
  { problem, labels }: { problem: ClassificationProblem; labels: readonly string[] },
): LossChoice {
  const own = Object.fromEntries(
    Object.keys(LOSS_OPTIONS).map((name) => [name, options[name as keyof ClassifierLossOptions]]),
  ) as ClassifierLossOptions;
  const read = readOptions<ClassifierLossOptions>(where, own, LOSS_OPTIONS);
  const losses: readonly ClassifierLoss[] = CLASSIFIER_LOSSES[problem];
  const loss = read.choice('loss', losses[0] as ClassifierLoss, losses);
  checkFit(where, own, problem, loss);
  const { sampling = 'all' } = own;
  const teacher = readTeacher(where, own.teacher, labels);
  const isSingle = problem === 'single_label_classification';
  const share = (value: number) => value >= 0 && value < 1;
  const upTo = (most: number) => (value: number) => value >= 0 && value <= most;
  return {
    loss,
    labelSmoothing: read.number('labelSmoothing', 0, 'a share from 0, below 1', share),
    classWeights: readLabelWeights(`${where}: classWeights`, own.classWeights, labels, isSingle),
    posWeights: readLabelWeights(`${where}: posWeights`, own.posWeights, labels, true),
    focalGamma: read.number('focalGamma', 2, 'a number from 0 to 100', upTo(100)),
    focalAlpha:
      own.focalAlpha === undefined
        ? undefined
        : read.number('focalAlpha', 1, 'a number from 0 to 1', upTo(1)),
    huberDelta: read.number('huberDelta', 1, 'a number from 1e-6 to 1e6', isScale),
    smoothL1Beta: read.number('smoothL1Beta', 1, 'a number from 1e-6 to 1e6', isScale),
    sampling: read.choice('sampling', sampling, ['all', 'balanced']),
    teacher,
    alpha: read.number('alpha', 0.5, 'a share above 0, at most 1', (v) => v > 0 && v <= 1),
    temperature: read.number('temperature', 2, 'a number from 1e-6 to 1e6', isScale),
    record: recordOf(own),
  };
}

const isScale = (value: number) => value >= 1e-6 && value <= 1e6;

/** Refuses options that the problem, the loss or a training without a teacher would not read. */
function checkFit(
  where: string,
  options: ClassifierLossOptions,
  problem: ClassificationProblem,
  loss: ClassifierLoss,
): void {
  const isSingle = problem === 'single_label_classification';
  const always = ['loss', ...(isSingle ? ['sampling', 'teacher'] : [])];
  const taught = options.teacher === undefined ? [] : ['alpha', 'temperature'];
  const fitting: readonly string[] = [...always, ...taught, ...(OWN[problem][loss] ?? [])];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || fitting.includes(name)) continue;
    const why =
      name === 'alpha' || name === 'temperature'
        ? 'left out without a teacher'
        : `left out for ${problem} with loss ${loss}`;
    throw rangeMistake(`${where}: ${name}`, why, value);
  }
}

function readTeacher(
  where: string,
  teacher: ClassifierLossOptions['teacher'],
  labels: readonly string[],
): Teacher | 'logits' | undefined {
  if (teacher === undefined || teacher === 'logits') return teacher;
  const at = `${where}: teacher`;
  if (typeof teacher !== 'object' || teacher === null || typeof teacher.logits !== 'function') {
    throw typeMistake(at, "a classifier or 'logits'", teacher);
  }
  if (teacher.problem !== 'single_label_classification') {
    throw rangeMistake(at, 'a classifier with one label per text', teacher.problem);
  }
  const missing = labels.find((label) => !teacher.labels.includes(label));
  if (missing === undefined && teacher.labels.length === labels.length) return teacher;
  throw rangeMistake(at, `a classifier with the labels ${labels.join(', ')}`, teacher.labels);
}

function recordOf({ teacher, ...options }: ClassifierLossOptions): JsonObject {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const plain = given.map(([name, value]) => [
    name,
    ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value,
  ]);
  return {
    ...(Object.fromEntries(plain) as JsonObject),
    ...(teacher !== undefined && { teacher: teacher === 'logits' ? teacher : 'a classifier' }),
  };
}
