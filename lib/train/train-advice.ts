/**
 * What a training says of itself where its result is poor for a reason that its own figures show.
 *
 * The rule: an advice names what was seen and the options to try; it is a first guess, not a search.
 */

import { warmupSteps } from './schedule.js';
import type { TrainSettings } from './train-options.js';
import type { StepRecord } from './train-report.js';

/**
 * `WARMUP_TOO_LONG`: the learning rate never came to its peak. `FEW_STEPS`: the loss had hardly moved. `LABELS_MISSED`: of some
 * labels no held-out row was found.
 */
export type TrainAdviceCode = 'WARMUP_TOO_LONG' | 'FEW_STEPS' | 'LABELS_MISSED';

/** Advice after a training that went poorly. */
export interface TrainAdvice {
  /** What was seen, for programs. */
  readonly code: TrainAdviceCode;
  /** What was seen. */
  readonly message: string;
  /** Options of `train` to try in its place. */
  readonly options: {
    readonly epochs?: number;
    readonly maxSteps?: number;
    readonly learningRate?: number;
    readonly warmup?: number;
  };
}

/** With more steps than these a loss that stays may be all that the rows allow. */
const FEW_STEPS = 300;
/** The loss at the end as a share of that at the begin, from which it counts as hardly moved. */
const HARDLY_MOVED = 0.5;
/** Steps that small data is trained for. */
const ENOUGH_STEPS = 240;
/** A rate at which small encoders learn in few steps; a higher one is left as it is. */
const BRISK_RATE = 3e-4;
const SHOWN_LABELS = 5;

/** What of a classification report counts here. */
interface LabelScores {
  readonly rows: readonly {
    readonly name: string;
    readonly support: number;
    readonly recall: number;
  }[];
}

interface Seen {
  readonly steps: readonly StepRecord[];
  /** Of the last evaluation; undefined where labels have no scores of their own. */
  readonly labels: LabelScores | undefined;
}

export function trainAdvice({ steps, labels }: Seen, settings: TrainSettings): TrainAdvice[] {
  const few = fewSteps(steps, settings);
  // Labels are missed where the loss has hardly moved: one cure, not two.
  const cure = few?.options ?? twice(settings);
  return [warmup(steps, settings), few, missed(labels, cure)].filter((advice) => advice !== null);
}

/** Twice the steps, by the option that decides their number. */
function twice({ epochs, maxSteps }: TrainSettings): TrainAdvice['options'] {
  return maxSteps > 0 ? { maxSteps: 2 * maxSteps } : { epochs: 2 * epochs };
}

function warmup({ length }: Seen['steps'], settings: TrainSettings): TrainAdvice | null {
  const steps = warmupSteps(settings.warmup, length);
  if (length === 0 || steps < length) return null;
  const what = `the learning rate still rose in the last of ${length} steps: the warm-up takes ${steps}`;
  // Of one step any share of a warm-up is all.
  const options = length < 10 ? { warmup: 0 } : { warmup: 0.1 };
  return { code: 'WARMUP_TOO_LONG', message: what, options };
}

function fewSteps(steps: Seen['steps'], settings: TrainSettings): TrainAdvice | null {
  const { epochs, learningRate, maxSteps } = settings;
  const part = Math.ceil(steps.length / 5);
  const mean = (some: Seen['steps']) => some.reduce((sum, { loss }) => sum + loss, 0) / part;
  const [first, last] = [mean(steps.slice(0, part)), mean(steps.slice(-part))];
  if (steps.length > FEW_STEPS || steps.length < 2 || !(last > HARDLY_MOVED * first)) return null;
  const more = Math.ceil((epochs * ENOUGH_STEPS) / steps.length);
  return {
    code: 'FEW_STEPS',
    message: `the loss went from ${first.toFixed(2)} to ${last.toFixed(2)} only, in ${steps.length} steps`,
    options: {
      ...(maxSteps > 0
        ? { maxSteps: Math.max(2 * maxSteps, ENOUGH_STEPS) }
        : { epochs: Math.max(2 * epochs, Math.min(20, more)) }),
      ...(learningRate < BRISK_RATE && { learningRate: BRISK_RATE }),
    },
  };
}

function missed(
  labels: LabelScores | undefined,
  options: TrainAdvice['options'],
): TrainAdvice | null {
  const rows = (labels?.rows ?? []).filter(({ support }) => support > 0);
  const none = rows.filter(({ recall }) => recall === 0).map(({ name }) => JSON.stringify(name));
  if (none.length === 0) return null;
  const shown = none.slice(0, SHOWN_LABELS).join(', ');
  const more = none.length > SHOWN_LABELS ? `, ${none.length - SHOWN_LABELS} more` : '';
  return {
    code: 'LABELS_MISSED',
    message: `${none.length} of ${rows.length} labels were found in no held-out row (${shown}${more}): they may need more rows, or more epochs`,
    options,
  };
}
