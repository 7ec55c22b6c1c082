/**
 * `sinter train --task ...`: a new head of any kind, trained on a file and written as a model folder.
 */
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { SinterError, show } from '../core/errors.js';
import { formatDuration, formatNumber } from '../core/units.js';
import { SeededRandom, shuffled, splitLabelLists } from '../data/index.js';
import { QuestionAnswerer } from '../models/question-answerer.js';
import { TokenClassifier } from '../models/token-classifier.js';
import type { ClassifierLossOptions } from '../tasks/text-classification/loss-options.js';
import type { TrainOptions } from '../train/train-options.js';
import type { TrainReport } from '../train/train-report.js';
import { type DataOptions, given } from './arguments.js';
import { calibrate } from './calibrate.js';
import type { Console } from './context.js';
import { DataFiles, withPlaces } from './data-files.js';
import {
  type HeadRow,
  type HeadTask,
  labelsOf,
  loadHead,
  readHeadRows,
  scoreText,
  streamHeadRows,
  type TrainableHead,
} from './head-tasks.js';
import { chooseTrainHead } from './kept-head.js';
import { type LossFlags, openTeacher, withTeacher } from './loss-flags.js';
import { type AnyModel, onnxOptions, openAnyModel } from './open-model.js';
import { OutFolder } from './out-folder.js';
import { labelScores, trainingData, writeReport } from './report-file.js';
import { finalScores } from './train-control.js';
import { calibrationData } from './train-findings.js';
import { trainWithProgress } from './train-progress.js';
import { inMemory, type TrainRows } from './train-rows.js';
import { writeTrained } from './write-trained.js';

export interface TrainHeadOptions
  extends DataOptions,
    Pick<LossFlags, 'teacher' | 'hiddenStates' | 'relations' | 'relationHeads'> {
  readonly task: HeadTask;
  readonly train: string;
  readonly eval?: string;
  readonly holdOut?: number;
  readonly model?: string;
  readonly out: string;
  readonly seed: number;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly firstPosition?: number;
  readonly quantize?: boolean;
  readonly adapter?: boolean;
  readonly calibrate?: boolean;
  readonly overwrite?: boolean;
  readonly newHead?: boolean;
  readonly report?: string;
  readonly streaming?: boolean;
  /** The command line, for the report. */
  readonly args: readonly string[];
}

export async function trainHead(
  options: TrainHeadOptions,
  settings: HeadSettings,
  out: Console,
): Promise<void> {
  const { task } = options;
  await using place = await OutFolder.take({
    ...options,
    inputs: [options.model, options.train, options.eval],
  });
  const files = new DataFiles(options, out);
  const { rows, held } = await readAll(options, files);
  if (files.isReport) return files.report();
  const { model: name, newHead, firstPosition } = options;
  const labels = labelsOf(task, rows.labelled);
  if (labels?.length === 1 && task === 'tags') throw oneTag(options.train, labels);
  const choice = await chooseTrainHead(
    { model: name, task, newHead, labels, firstPosition },
    out.warn.bind(out),
  );
  const path = options.model ?? EMBEDDED_MODEL;
  const load = given({
    lanes: options.threads,
    maxTokens: options.maxTokens,
    ...(await onnxOptions(options)),
  });
  const { seed } = options;
  const { signal } = out;
  await using model = await loadHead(task, path, { ...load, ...choice, seed, signal });
  await place.needs((await model.info()).storedBytes);
  out.print(`training ${task} on ${formatNumber(rows.count)} rows\n`);
  const setup = { ...settings, eval: held as readonly never[] | null };
  const report = await withPlaces({ rows: rows.rows, eval: held }, () =>
    trainFromTeacher(model, rows as TrainRows<never>, { options, setup }, out),
  );
  const calibration =
    options.calibrate === true && held !== null ? await calibrate(model, held, out) : undefined;
  const { steps, epochs, seconds, tokensPerSecond, truncated, advice } = report;
  const { evaluations, best, stoppedEarly, diverged, embedding } = report;
  const isShown = options.report !== undefined && held !== null;
  const shown = isShown ? await model.evaluate(held as readonly never[], { signal }) : {};
  const figures = { rows: rows.count, truncated, epochs, seconds, tokensPerSecond };
  const course = {
    evaluations,
    best,
    stoppedEarly,
    diverged,
    ...(embedding !== undefined && { embedding }),
  };
  const { training } = await model.info();
  const json = { ...training, out: options.out, task, ...figures, ...course, advice, steps };
  await place.write((folder) => writeTrained(folder, model, options, { json, signal }));
  out.print(
    `trained in ${formatDuration(seconds * 1000)}, ${formatNumber(tokensPerSecond)} tokens/s\n`,
  );
  const scores = finalScores(report, settings);
  if (scores !== null) out.say(scoreText(scores), { style: 'heading' });
  out.print(`written to ${options.out}\n`);
  await writeReport(
    options,
    {
      title: `Training of ${options.out}`,
      subtitle: `${name ?? 'all-MiniLM-L6-v2'} fine-tuned for ${task} on ${formatNumber(rows.count)} rows of ${options.train}`,
      ...trainingData(report),
      ...labelScores(shown),
      ...calibrationData(calibration),
    },
    { args: options.args, out },
  );
  out.json(json);
}

type HeadSettings = TrainOptions &
  Pick<ClassifierLossOptions, 'alpha' | 'temperature'> & {
    readonly epochs: number;
    readonly batchSize: number;
  };

/** The model of --teacher: of tags and answers one for the same task, whose logits are learned; else any one. */
function loadTeacher(task: HeadTask, path: string, own: { readonly signal: AbortSignal }) {
  if (task === 'tags') return TokenClassifier.load(path, own);
  return task === 'answers' ? QuestionAnswerer.load(path, own) : openAnyModel(path, own);
}

/** Trains with what --teacher says. */
async function trainFromTeacher(
  model: TrainableHead,
  rows: TrainRows<never>,
  {
    options,
    setup,
  }: {
    readonly options: TrainHeadOptions;
    readonly setup: HeadSettings & { readonly eval: readonly never[] | null };
  },
  out: Console,
): Promise<TrainReport<object>> {
  await using teacher = await openTeacher(
    options.teacher,
    (path, own): Promise<AnyModel> => loadTeacher(options.task, path, own),
    out.signal,
  );
  const { alpha, temperature, ...plain } = setup;
  const taught = withTeacher(given({ alpha, temperature }), teacher, options);
  return await trainWithProgress(model, rows, { ...plain, ...taught }, out);
}

function oneTag(file: string, [tag]: readonly string[]): SinterError {
  const what = `holds one tag only, ${show(tag)}; a model of tags needs at least two`;
  return new SinterError('INVALID_DATA', `${file}: ${what}`, { details: { file } });
}

/** Every label keeps its share on both sides. */
function splitEvenly<Row extends Readonly<Record<string, unknown>>>(
  rows: readonly Row[],
  fraction: number,
  seed: number,
) {
  // Lists of another kind are refused by the model.
  const listOf = ({ labels }: Row) => (Array.isArray(labels) ? labels.map(String) : []);
  const { train, held } = splitLabelLists(rows.map(listOf), { fraction, seed });
  const at = (indices: readonly number[]) => indices.map((i) => rows[i] as Row);
  if (train.length === 0) return { rows, held: null };
  return { rows: at(train), held: held.length === 0 ? null : at(held) };
}

interface AllRows {
  readonly rows: TrainRows<HeadRow>;
  readonly held: readonly HeadRow[] | null;
}

async function readAll(options: TrainHeadOptions, files: DataFiles): Promise<AllRows> {
  const { task, eval: evalFile } = options;
  if (options.streaming !== true) {
    const { rows, held } = await readInMemory(options, files);
    return { rows: inMemory(rows), held };
  }
  const rows = await streamHeadRows(task, options.train, files);
  return { rows, held: evalFile === undefined ? null : await readHeadRows(task, evalFile, files) };
}

async function readInMemory(options: TrainHeadOptions, files: DataFiles) {
  const { task, holdOut, seed } = options;
  const rows = await readHeadRows(task, options.train, files);
  if (options.eval !== undefined) {
    return { rows, held: await readHeadRows(task, options.eval, files) };
  }
  if (holdOut === undefined) return { rows, held: null };
  if (task === 'multi-label') return splitEvenly(rows, holdOut, seed);
  const mixed = shuffled(rows, new SeededRandom(seed));
  const count = Math.min(Math.round(rows.length * holdOut), Math.max(0, rows.length - 1));
  return { rows: mixed.slice(count), held: count === 0 ? null : mixed.slice(0, count) };
}
