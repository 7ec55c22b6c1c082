/**
 * `sinter evaluate`: measures a classifier on labelled rows, or an encoder on pairs of texts with a similarity score.
 */
import { type Command, Option } from 'commander';
import { SinterError } from '../../core/errors.js';
import { formatNumber, formatPercent } from '../../core/units.js';
import {
  checkLabels,
  type FileRow,
  formatOf,
  readAllRows,
  type SpreadsheetOptions,
  writeRows,
} from '../../data/index.js';
import { checkFile } from '../../files/index.js';
import {
  pearson,
  reportToDict,
  reportToText,
  spearman,
  topConfusions,
} from '../../metrics/index.js';
import { Classifier, type ClassifyOptions } from '../../models/classifier.js';
import { Encoder } from '../../models/encoder.js';
import type { Mistake, ReportData } from '../../report/index.js';
import type { Evaluation } from '../../tasks/text-classification/single-label.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  spreadsheetOf,
  usageMistake,
  wholeNumber,
  withBadRows,
  withCommon,
  withData,
  withModel,
  withPooling,
  withSpreadsheet,
  withThreads,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { COMPARISONS } from '../cosine.js';
import { DataFiles, withPlaces } from '../data-files.js';
import { HEAD_TASKS, type HeadTask, loadHead, readHeadRows, scoreText } from '../head-tasks.js';
import { taskOfModel } from '../model-task.js';
import { modelOptions, modelPath, onnxOptions } from '../open-model.js';
import { formatTable, printable, truncate } from '../output.js';
import { checkReport, labelScores, scoreCards, withReport, writeReport } from '../report-file.js';

interface EvaluateOptions extends CommonOptions, DataOptions, ModelOptions, SpreadsheetOptions {
  readonly model?: string;
  readonly data: string;
  readonly scoreColumn?: string;
  readonly confusions: number;
  readonly predictions?: string;
  readonly windows?: 'mean' | 'max';
  readonly threads?: number;
  readonly task?: HeadTask | 'classification';
  readonly report?: string;
}

export function addEvaluate(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('evaluate')
    .summary('measure a model on labelled rows')
    .description(
      'Prints the classification report of a classifier on labelled rows. With --score-column, an ' +
        'encoder instead: how well the cosine of two texts, or what the model says instead ' +
        '(similarity_fn_name), follows a score (STS).',
    )
    .requiredOption('--data <file>', 'rows to evaluate on')
    .option('-m, --model <dir>', 'model folder (default with --score-column: the embedded encoder)')
    .addOption(
      new Option(
        '--task <kind>',
        'what the model is for, where its config.json does not say',
      ).choices(['classification', ...HEAD_TASKS]),
    )
    .option('--confusions <n>', 'how many confusions to list', wholeNumber(0), 5)
    .option('--predictions <file>', 'write every prediction to this .csv, .tsv or .jsonl file')
    .addOption(
      new Option(
        '--windows <kind>',
        'read texts over the limit in windows, and take the mean or the largest of their logits',
      ).choices(['mean', 'max']),
    )
    .addOption(
      new Option('--score-column <name>', 'pairs of texts: column of their similarity').conflicts([
        'labelColumn',
        'predictions',
        'windows',
        'report',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ sinter evaluate --model my-model --data test.csv
  $ sinter evaluate --data sts.csv --text-column a --pair-column b --score-column score
`,
    )
    .action((options: EvaluateOptions) => {
      sheetOf(options);
      return options.scoreColumn === undefined
        ? evaluateClassifier(options, surroundings)
        : evaluateSimilarity(options, options.scoreColumn, surroundings);
    });
  withCommon(
    withThreads(
      withPooling(
        withModel(withBadRows(withData(withReport(withSpreadsheet(command)), ['pair', 'label']))),
      ),
    ),
  );
}

function sheetOf(options: EvaluateOptions): SpreadsheetOptions {
  const { predictions } = options;
  const isSheet = predictions !== undefined && formatOf(predictions) !== 'jsonl';
  return spreadsheetOf(options, isSheet, '--predictions in a .csv or .tsv file');
}

async function evaluateClassifier(
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
  checkLabels(model.labels, rows, 'model');
  const { windows } = options;
  const scores = await withPlaces({ rows }, () =>
    model.evaluate(rows, { signal: out.signal, ...given({ windows }) }),
  );
  printScores(scores, options.confusions, out);
  if (scores.truncated > 0) {
    out.note(
      `${formatNumber(scores.truncated)} texts were longer than ${formatNumber(model.maxTokens)} tokens and were cut; --windows reads all of them`,
    );
  }
  out.json({
    rows: scores.rows,
    truncated: scores.truncated,
    loss: scores.loss,
    accuracy: scores.accuracy,
    macroF1: scores.macroF1,
    report: reportToDict(scores.report),
    confusion: scores.confusion,
  });
  if (options.report !== undefined) {
    const mistakes = await mistakesOf(model, rows, scores, given({ windows, signal: out.signal }));
    const confusion = scores.confusion;
    await writeScores(options, { ...scores, confusion, mistakes }, surroundings.args);
  }
  // Written last, so that a failure here does not lose the scores.
  if (predictions !== undefined) {
    await writePredictions(predictions, rows, scores, sheetOf(options));
  }
}

/** Evaluates a model with another head, and prints the scores that it has. */
async function evaluateHead(
  task: HeadTask,
  path: string,
  options: EvaluateOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  if (options.predictions !== undefined) {
    throw usageMistake(`--predictions is for classifiers with one label per text, not for ${task}`);
  }
  if (options.windows !== undefined) {
    throw usageMistake(`--windows is for classifiers with one label per text, not for ${task}`);
  }
  const files = new DataFiles(options, out);
  const rows = await readHeadRows(task, options.data, files);
  if (files.isReport) return files.report();
  const { signal } = out;
  const load = given({ lanes: options.threads, ...(await onnxOptions(options)) });
  await using model = await loadHead(task, path, { ...load, signal });
  const scores = await withPlaces({ rows }, () =>
    model.evaluate(rows as readonly never[], { signal }),
  );
  out.print(`${scoreText(scores)}\n`);
  const numbers = Object.entries(scores).filter(([key]) => key !== 'predicted');
  out.json({ task, ...Object.fromEntries(numbers) });
  await writeScores(options, scores, surroundings.args);
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

async function writeScores(
  options: EvaluateOptions,
  scores: object & Pick<ReportData, 'confusion' | 'mistakes'>,
  args: readonly string[],
): Promise<void> {
  const { confusion, mistakes } = scores;
  const page = {
    title: `Evaluation of ${options.model}`,
    subtitle: `On the rows of ${options.data}`,
    summary: scoreCards(scores),
    ...labelScores(scores),
    ...(confusion && { confusion }),
    ...(mistakes && { mistakes }),
  };
  await writeReport(options, page, args);
}

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

function printScores(scores: Evaluation, confusions: number, out: Console): void {
  const { report } = scores;
  // Each label on a line of its own, whatever characters it holds.
  const rows = report.rows.map((row) => ({ ...row, name: truncate(printable(row.name), 60) }));
  out.print(reportToText({ ...report, rows }));
  out.print(
    `\naccuracy ${formatPercent(scores.accuracy)}, macro F1 ${formatPercent(scores.macroF1)}, ` +
      `loss ${scores.loss.toFixed(4)} on ${formatNumber(scores.rows)} rows\n`,
  );
  const top = topConfusions(scores.confusion, confusions);
  if (top.length === 0) return;
  const columns = [
    { title: 'true label', maxWidth: 40 },
    { title: 'predicted', maxWidth: 40 },
    { title: 'rows', align: 'right' },
  ] as const;
  const lines = top.map(({ truth, predicted, count }) => [truth, predicted, String(count)]);
  out.print(`\n${formatTable(columns, lines)}`);
}

/** A pair of texts and the similarity that people gave it. */
interface ScoredPair {
  readonly text: string;
  readonly pair: string;
  readonly score: number;
}

async function evaluateSimilarity(
  options: EvaluateOptions,
  scoreColumn: string,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { signal } = out;
  const files = new DataFiles({ ...options, labelColumn: scoreColumn }, out);
  const rows = await readAllRows(options.data, { ...files.read, labels: 'numbers' });
  if (files.isReport) return files.report();
  const pairs = rows.map(scoredPair);
  await using encoder = await Encoder.load(
    await modelPath(options.model),
    given({ lanes: options.threads, ...(await modelOptions(options)), signal: out.signal }),
  );
  const left = await encoder.embed(
    pairs.map(({ text }) => text),
    { signal },
  );
  const right = await encoder.embed(
    pairs.map(({ pair }) => pair),
    { signal },
  );
  const { similarityFnName: similarity } = encoder;
  const found = pairs.map((_, i) => COMPARISONS[similarity](left.row(i), right.row(i)));
  const truth = pairs.map(({ score }) => score);
  const result = {
    pairs: pairs.length,
    similarity,
    spearman: spearman(truth, found),
    pearson: pearson(truth, found),
  };
  out.print(
    `${similarity} against ${scoreColumn} on ${formatNumber(result.pairs)} pairs: ` +
      `Spearman ${(100 * result.spearman).toFixed(2)}, Pearson ${(100 * result.pearson).toFixed(2)}\n`,
  );
  out.json(result);
}

function scoredPair({ text, pair, label, file, line }: FileRow): ScoredPair {
  if (pair !== undefined) return { text, pair, score: Number(label) };
  const what = 'no second text (give --pair-column)';
  throw new SinterError('INVALID_DATA', `${file}:${line}: ${what}`, { details: { file, line } });
}
