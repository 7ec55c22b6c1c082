/**
 * What the page of `sinter train --report` says about single rows: the held-out rows that are most wrong, and training rows whose
 * label looks wrong.
 */
import type { FileRow } from '../data/index.js';
import { labelIssues } from '../metrics/index.js';
import type { Classifier } from '../models/classifier.js';
import type { ClassifierTrainOptions } from '../models/classifier-options.js';
import { crossValidate } from '../models/cross-validate.js';
import type { CalibrationReport } from '../models/fit-classifier.js';
import type { LabelIssues, ReportData, WorstRow } from '../report/index.js';
import type { Prediction } from '../tasks/text-classification/single-label.js';
import { CHECKPOINT_OPTIONS } from '../train/checkpoint-options.js';
import { EVAL_OPTIONS } from '../train/eval-options.js';
import { LOG_OPTIONS } from '../train/log-options.js';
import type { TrainOptions } from '../train/train-options.js';
import { usageMistake } from './arguments.js';
import type { Console } from './context.js';
import { labelScores } from './report-file.js';

const SHOWN = 25;

const inputOf = ({ text, pair }: FileRow) => (pair === undefined ? text : ([text, pair] as const));

/** A row of the page. */
function shownRow(row: FileRow, of: Omit<WorstRow, 'text' | 'truth' | 'place'>): WorstRow {
  const { text, pair, label = '', file, line } = row;
  return {
    text: pair === undefined ? text : `${text} | ${pair}`,
    truth: label,
    ...of,
    place: `${file}:${line}`,
  };
}

/** What the page says of the model on the held-out rows. */
export async function findingsOf(
  model: Classifier,
  {
    held,
    calibration,
  }: {
    readonly held: readonly FileRow[] | null;
    readonly calibration: CalibrationReport | undefined;
  },
  { signal }: Console,
): Promise<Partial<ReportData>> {
  if (held === null) return {};
  const scores = await model.evaluate(held, { signal });
  return {
    ...labelScores(scores),
    ...calibrationData(calibration),
    confusion: scores.confusion,
    worst: await worstRows(model, held, signal),
  };
}

/** The reliability before and after a temperature was fitted. */
export function calibrationData(
  report: CalibrationReport | undefined,
): Pick<ReportData, 'calibration'> {
  if (report === undefined) return {};
  const { temperature, before, after } = report;
  const bins = { before: before.reliability, after: after.reliability };
  return { calibration: { temperature, ...bins } };
}

/** Throws where the rows would be shown nowhere, or have no labels. */
export function checkLabelIssues(options: {
  readonly labelIssues?: number;
  readonly report?: string;
  readonly task: string;
}): void {
  if (options.labelIssues === undefined) return;
  if (options.report === undefined) throw usageMistake('--label-issues needs --report');
  if (options.task === 'classification') return;
  throw usageMistake(`--label-issues is for --task classification, not for ${options.task}`);
}

/** The options of a training on a fold: those of the whole one, without held-out rows and files. */
export function foldSetup<T extends TrainOptions>(setup: T): ClassifierTrainOptions {
  const without: ReadonlySet<string> = new Set(
    ['eval', EVAL_OPTIONS, CHECKPOINT_OPTIONS, LOG_OPTIONS].flatMap((one) =>
      typeof one === 'string' ? one : Object.keys(one),
    ),
  );
  const kept = Object.entries(setup).filter(([name]) => !without.has(name));
  return Object.fromEntries(kept) as ClassifierTrainOptions;
}

/** The rows whose own label has the lowest probability, the lowest first. */
async function worstRows(
  model: Classifier,
  rows: readonly FileRow[],
  signal: AbortSignal,
): Promise<WorstRow[]> {
  const found = await model.predict(rows.map(inputOf), { signal });
  const all = found.map(({ label, score, scores }: Prediction, i) => {
    const row = rows[i] as FileRow;
    return { row, predicted: label, score, probability: scores[row.label ?? ''] ?? 0 };
  });
  const wrong = all.filter(({ row, predicted }) => predicted !== row.label);
  return wrong
    .sort((a, b) => a.probability - b.probability)
    .slice(0, SHOWN)
    .map(({ row, ...of }) => shownRow(row, of));
}

/** Rows whose label looks wrong to models that were trained on the other folds. */
export async function findLabelIssues(
  rows: readonly FileRow[],
  {
    folds,
    make,
    train,
  }: {
    readonly folds: number;
    readonly make: () => Promise<Classifier>;
    readonly train: ClassifierTrainOptions;
  },
  out: Console,
): Promise<LabelIssues> {
  const progress = out.progress('looking for wrong labels', folds, 'folds');
  const { signal } = out;
  try {
    const onFold = (_: unknown, fold: number) => progress.update(fold + 1);
    const labelled = rows as readonly (FileRow & { readonly label: string })[];
    const { predictions } = await crossValidate<string, 'single_label_classification'>(labelled, {
      ...{ folds, make, train, onFold, signal },
    });
    progress.finish();
    const scores = predictions.map((one) => one.scores);
    const issues = labelIssues(
      labelled.map(({ label }) => label),
      scores,
    );
    const shown = issues
      .slice(0, SHOWN)
      .map(({ index, probability, suggested, score }) =>
        shownRow(rows[index] as FileRow, { probability, predicted: suggested, score }),
      );
    return { rows: shown, found: issues.length, checked: rows.length, folds };
  } catch (error) {
    progress.stop();
    throw error;
  }
}
