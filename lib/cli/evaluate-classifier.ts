/**
 * `sinter evaluate` for classifiers with one label per text: scores, confusions, predictions and the page of --report.
 */
import { formatNumber } from '../core/units.js';
import {
  checkLabels,
  type FileRow,
  readAllRows,
  type SpreadsheetOptions,
  writeRows,
} from '../data/index.js';
import { checkFile } from '../files/index.js';
import { reportToDict } from '../metrics/index.js';
import { Classifier } from '../models/classifier.js';
import type { ClassifyOptions } from '../models/classifier-options.js';
import type { Mistake } from '../report/index.js';
import type { Evaluation } from '../tasks/text-classification/single-label.js';
import { given, usageMistake } from './arguments.js';
import { Console, type Surroundings } from './context.js';
import { DataFiles, withPlaces } from './data-files.js';
import { evaluateHead, writeScores } from './evaluate-head.js';
import { type EvaluateOptions, sheetOf } from './evaluate-options.js';
import { taskOfModel } from './model-task.js';
import { loadAdapter, onnxOptions } from './open-model.js';
import { checkReport } from './report-file.js';
import { printCoverage, printScores } from './score-tables.js';

export async function evaluateClassifier(
  options: EvaluateOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  if (options.model === undefined) {
    throw usageMistake('give --model DIR, a folder with a classifier');
  }
  if (options.pooling !== undefined) {
    throw usageMistake('--pooling is for encoders, which --score-column measures');
  }
  const head = (await taskOfModel(options.model, options)) ?? 'classification';
  await checkReport(options, [options.data]);
  if (head !== 'classification') return evaluateHead(head, options.model, options, surroundings);
  const { predictions } = options;
  if (predictions !== undefined) await checkFile(predictions, { inputs: [options.data] });
  const files = new DataFiles(options, out);
  const rows = await readAllRows(options.data, { ...files.read, requireLabel: true });
  if (files.isReport) return files.report();
  await using model = await Classifier.load(
    options.model,
    given({ lanes: options.threads, ...(await onnxOptions(options)), signal: out.signal }),
  );
  const beside = await loadAdapter(model, options.adapter, out.signal);
  // An adapter has labels of its own, which its evaluation checks.
  if (options.adapter === undefined) checkLabels(model.labels, rows, 'model');
  const run = { signal: out.signal, ...given({ windows: options.windows }), ...beside };
  const scores = await withPlaces({ rows }, () => model.evaluate(rows, run));
  printScores(out.page, scores, options.confusions);
  const { minScore } = options;
  if (minScore !== undefined) printCoverage(out.page, scores, minScore);
  if (scores.truncated > 0) {
    out.warn(
      `${formatNumber(scores.truncated)} texts were longer than ${formatNumber(model.maxTokens)} tokens and were cut; --windows reads all of them`,
    );
  }
  out.json({
    rows: scores.rows,
    truncated: scores.truncated,
    loss: scores.loss,
    accuracy: scores.accuracy,
    macroF1: scores.macroF1,
    calibrationError: scores.calibrationError,
    reliability: scores.reliability,
    coverage: scores.coverage,
    report: reportToDict(scores.report),
    confusion: scores.confusion,
  });
  if (options.report !== undefined) {
    const mistakes = await mistakesOf(model, rows, scores, run);
    const confusion = scores.confusion;
    const page = { args: surroundings.args, out };
    await writeScores(options, { ...scores, confusion, mistakes }, page);
  }
  // Written last, so that a failure here does not lose the scores.
  if (predictions !== undefined) {
    await writePredictions(predictions, rows, scores, sheetOf(options));
  }
}

/** The rows predicted wrongly with the highest probability. */
async function mistakesOf(
  model: Classifier,
  rows: readonly FileRow[],
  { predicted }: Evaluation,
  options: ClassifyOptions,
): Promise<Mistake[]> {
  const wrong = rows.filter(({ label }, i) => predicted[i] !== label);
  const inputs = wrong.map(({ text, pair }) =>
    pair === undefined ? text : ([text, pair] as const),
  );
  const found = await model.predict(inputs, options);
  const mistakes = wrong.map(({ text, pair, label = '' }, i) => ({
    text: pair === undefined ? text : `${text} | ${pair}`,
    truth: label,
    predicted: found[i]?.label ?? '',
    score: found[i]?.score ?? 0,
  }));
  return mistakes.sort((a, b) => b.score - a.score).slice(0, SHOWN_MISTAKES);
}

const SHOWN_MISTAKES = 20;

async function writePredictions(
  path: string,
  rows: readonly FileRow[],
  { predicted }: Evaluation,
  options: SpreadsheetOptions,
): Promise<void> {
  await writeRows(
    path,
    rows.map(({ text, pair, label }, i) => ({
      text,
      ...(pair !== undefined && { pair }),
      label: label ?? null,
      predicted: predicted[i] ?? null,
    })),
    options,
  );
}
