/**
 * `sinter train`: fine-tunes a classifier on a labelled file and writes it as a model folder.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { formatDuration, formatNumber, formatPercent } from '../../core/units.js';
import { checkLabels, collectLabels, type FileRow } from '../../data/index.js';
import { Classifier } from '../../models/classifier.js';
import { METHOD_DEFAULTS } from '../../models/train-method.js';
import type { ReportData } from '../../report/index.js';
import type { TrainReport } from '../../train/train-report.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  numberFromZero,
  positiveNumber,
  realNumber,
  wholeNumber,
  withEngine,
  withRows,
} from '../arguments.js';
import { calibrate, checkCalibrate } from '../calibrate.js';
import { type ClassifierRows, oneClass, readClassifierRows } from '../classifier-rows.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { DataFiles, withPlaces } from '../data-files.js';
import { type EncoderFlags, embeddingLossFlags, withEmbeddingLosses } from '../encoder-flags.js';
import { HEAD_TASKS, type HeadTask } from '../head-tasks.js';
import { chooseTrainHead, type HeadChoice } from '../kept-head.js';
import { type LossFlags, lossFlags, openTeacher, withLosses, withTeacher } from '../loss-flags.js';
import { type MethodFlags, methodOf, withMethod } from '../method-options.js';
import { openClassifier } from '../open-classifier.js';
import { OutFolder } from '../out-folder.js';
import { type OwnFlags, ownFlags, withOwnFlags } from '../own-flags.js';
import { checkReport, trainingData, withReport, writeReport } from '../report-file.js';
import { type RerankingFlags, rerankingFlags, withRerankingLosses } from '../reranking-flags.js';
import { withConfig, withConfigFile } from '../train-config.js';
import { controlOf, finalScores, type TrainControl, withTrainControl } from '../train-control.js';
import { trainEncoder } from '../train-encoder.js';
import { checkLabelIssues, findingsOf, findLabelIssues, foldSetup } from '../train-findings.js';
import { trainHead } from '../train-head.js';
import { trainWithProgress } from '../train-progress.js';
import { checkStreaming } from '../train-rows.js';

interface TrainCommandOptions
  extends CommonOptions,
    DataOptions,
    ModelOptions,
    LossFlags,
    EncoderFlags,
    RerankingFlags,
    OwnFlags,
    MethodFlags,
    TrainControl {
  readonly config?: string;
  readonly task: 'classification' | 'embedding' | HeadTask;
  readonly train: string;
  readonly eval?: string;
  readonly holdOut?: number;
  readonly model?: string;
  readonly out: string;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly batchSize: number;
  readonly weightDecay: number;
  readonly warmup: number;
  readonly seed: number;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly quantize?: boolean;
  readonly calibrate?: boolean;
  readonly labelIssues?: number;
  readonly overwrite?: boolean;
  readonly newHead?: boolean;
  readonly report?: string;
}

const EXAMPLES = `
Examples:
  $ sinter train --train train.csv --eval test.csv --out my-model
  $ sinter train --train rows.jsonl --hold-out 0.1 --out my-model --epochs 5 --learning-rate 3e-4
  $ sinter train --task tags --train words-and-tags.jsonl --hold-out 0.1 --out my-tagger
  $ sinter train --task embedding --train questions-and-answers.jsonl --hold-out 0.1 --out my-encoder
`;

export function addTrain(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('train')
    .summary('fine-tune a classifier, or a model with another head')
    .description(
      'Fine-tunes a text classifier on a file of labelled rows (.csv, .tsv, .jsonl, .json, .parquet) and writes ' +
        'it as a model folder that sinter and transformers load. With --task another kind of model: tags (words, ' +
        'tags, or a CoNLL file), answers (question, context, answers, or a SQuAD file), multi-label (text, labels), ' +
        'regression (the label is a number), pairs (two texts and a number, query and positive, or query, docs and ' +
        'labels), masked-lm (text), or the encoder itself: embedding (anchor ' +
        'and positive, sentence1, sentence2 and score, or text and label).',
    )
    .addOption(
      new Option('--task <kind>', 'what the model is to do')
        .choices(['classification', ...HEAD_TASKS, 'embedding'])
        .default('classification'),
    )
    .option('--train <file>', 'rows to train on')
    .option('-o, --out <dir>', 'folder to write')
    .option('--eval <file>', 'rows to evaluate on after each epoch')
    .addOption(
      new Option('--hold-out <share>', 'evaluate on this share of the training rows instead')
        .argParser(realNumber('a share above 0 and below 1', (value) => value > 0 && value < 1))
        .conflicts('eval'),
    )
    .option('-m, --model <dir>', 'encoder to start from (default: the embedded all-MiniLM-L6-v2)')
    .option(
      '--epochs <n>',
      'passes over the rows (default: 3; 40 with --method few-shot)',
      wholeNumber(1),
    )
    .option(
      '--learning-rate <x>',
      'peak learning rate (default: 1e-4; 1e-2 with --method few-shot, 1e-3 with the others)',
      positiveNumber,
    )
    .option('--batch-size <n>', 'texts per step', wholeNumber(1), 32)
    .option('--weight-decay <x>', 'of matrices and tables', numberFromZero, 0.01)
    .option('--warmup <x>', 'share of the steps, or a number of steps', numberFromZero, 0.1)
    .option('--seed <n>', 'of the new head, the order of rows and dropout', wholeNumber(0), 42)
    .option('--max-tokens <n>', 'cut texts to this many tokens', wholeNumber(3))
    .option(
      '--calibrate',
      'fit a temperature, and thresholds of several labels, on the held-out rows afterwards',
    )
    .option(
      '--label-issues <folds>',
      'with --report: train on so many folds as well, and show rows whose label looks wrong',
      wholeNumber(2),
    )
    .option('--quantize', 'write an int8 model too, into the folder int8 inside')
    .option('--new-head', 'train a new head even where the one that the model has fits the rows')
    .option('--overwrite', 'replace a model folder that is there')
    .addHelpText('after', EXAMPLES)
    .action(async (_: unknown, own: Command) => {
      await train(await withConfigFile<TrainCommandOptions>(own, ['train', 'out']), surroundings);
    });
  withFlagGroups(command);
}

function withFlagGroups(command: Command): void {
  withConfig(command);
  withMethod(command);
  withTrainControl(command);
  withOwnFlags(command);
  withRerankingLosses(withEmbeddingLosses(withLosses(command)));
  withEngine(withReport(withRows(command, ['pair', 'label'])));
}

async function train(options: TrainCommandOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const { task, model, newHead, firstPosition } = options;
  const { control, vectors, loss, own } = settingsOf(options);
  await checkReport(options, [options.model, options.train, options.eval]);
  const { args } = surroundings;
  if (task === 'embedding') {
    return trainEncoder({ ...options, args }, { ...control, ...vectors }, out);
  }
  if (task !== 'classification') {
    return trainHead({ ...options, task, args }, { ...control, ...loss, ...own }, out);
  }
  await using place = await OutFolder.take({
    ...options,
    inputs: [options.model, options.train, options.eval],
  });
  const files = new DataFiles(options, out);
  const { rows, held, labelColumn } = await readClassifierRows(options, files);
  if (files.isReport) return files.report();
  const labels = collectLabels(rows.labelled);
  if (held !== null) checkLabels(rows.labelled, held);
  const choice = await chooseTrainHead(
    { model, task, newHead, labels, firstPosition },
    out.warn.bind(out),
  );
  if (choice.labels?.length === 1) throw oneClass(options.train, labelColumn, rows.labelled);
  const trained = await trainInto(place, { rows, held, choice }, options, out);
  const { report, small, findings, json } = trained;
  printReport(options, report, small, out);
  await writeReport(
    options,
    {
      title: `Training of ${options.out}`,
      subtitle: `${model ?? 'all-MiniLM-L6-v2'} fine-tuned on ${formatNumber(rows.count)} rows of ${options.train}`,
      ...trainingData(report),
      ...findings,
    },
    { args: surroundings.args, out },
  );
  out.json(json);
}

interface TrainingData extends Pick<ClassifierRows, 'rows' | 'held'> {
  readonly choice: HeadChoice;
}

interface Trained {
  readonly report: TrainReport;
  readonly small: SmallModel | null;
  /** What the page of --report has beside the training. */
  readonly findings: Partial<ReportData>;
  readonly json: object;
}

/** Trains and writes everything into `place`. */
async function trainInto(
  place: OutFolder,
  { rows, held, choice }: TrainingData,
  options: TrainCommandOptions,
  out: Console,
): Promise<Trained> {
  await using model = await openClassifier(options, choice, out);
  await place.needs((await model.info()).storedBytes);
  const { labels } = model;
  const from = options.model ?? 'all-MiniLM-L6-v2';
  out.say(`training ${from} on ${formatNumber(rows.count)} rows with ${labels.length} labels`, {
    keepsWords: true,
  });
  await using teacher = await openTeacher(
    options.teacher,
    (path, own) => Classifier.load(path, own),
    out.signal,
  );
  const { control, loss } = settingsOf(options);
  const setup = {
    ...control,
    ...withTeacher(loss, teacher, options),
    eval: held,
  };
  const report = await withPlaces({ rows: rows.rows, eval: held }, () =>
    trainWithProgress(model, rows, setup, out),
  );
  const calibration =
    options.calibrate === true && held !== null ? await calibrate(model, held, out) : undefined;
  const findings =
    options.report === undefined ? {} : await findingsOf(model, { held, calibration }, out);
  const make = () => openClassifier(options, choice, out);
  const folds = options.labelIssues;
  const issues =
    folds === undefined
      ? {}
      : {
          labelIssues: await findLabelIssues(
            rows.labelled,
            { folds, make, train: foldSetup(setup) },
            out,
          ),
        };
  return await place.write(async (folder) => {
    await model.save(folder);
    if (options.adapter === true) await model.saveAdapter(join(folder, 'adapter'));
    const small = options.quantize === true ? await writeQuantized(model, held, folder, out) : null;
    const { training } = await model.info();
    const json = { ...training, ...summary(options, report, labels, small) };
    await writeFile(join(folder, 'training.json'), `${JSON.stringify(json, null, 2)}\n`);
    return { report, small, findings: { ...findings, ...issues }, json };
  });
}

/** The settings that the flags say. Throws for flags that do not fit the task or each other, before any file is read. */
function settingsOf(options: TrainCommandOptions) {
  const { task, method, learningRate, batchSize, weightDecay, warmup, seed } = options;
  const { epochs = METHOD_DEFAULTS[method ?? 'full'].epochs ?? 3 } = options;
  checkCalibrate(options);
  checkLabelIssues(options);
  checkStreaming(options);
  const set = { ...methodOf(options), ...given({ learningRate }), ...controlOf(options) };
  return {
    control: { epochs, batchSize, weightDecay, warmup, seed, ...set },
    vectors: embeddingLossFlags(options),
    loss: task === 'embedding' ? {} : lossFlags(task, options),
    own: { ...rerankingFlags(options, task), ...ownFlags(options, task) },
  };
}

interface SmallModel {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly accuracy: number | null;
}

async function writeQuantized(
  model: Classifier,
  held: readonly FileRow[] | null,
  folder: string,
  out: Console,
): Promise<SmallModel> {
  await using small = await model.quantize({ signal: out.signal });
  await small.save(join(folder, 'int8'));
  const { bytesBefore = 0, bytesAfter = 0 } = small.quantization ?? {};
  const scores = held === null ? null : await small.evaluate(held, { signal: out.signal });
  return { bytesBefore, bytesAfter, accuracy: scores?.accuracy ?? null };
}

function summary(
  options: TrainCommandOptions,
  report: TrainReport,
  labels: readonly string[],
  int8: SmallModel | null,
): object {
  const { steps, epochs, rows, truncated, seconds, tokensPerSecond, advice } = report;
  const { evaluations, best, stoppedEarly, diverged, embedding } = report;
  return {
    out: options.out,
    labels,
    rows,
    truncated,
    epochs,
    evaluations,
    best,
    ...{ stoppedEarly, diverged, seconds, tokensPerSecond },
    advice,
    ...(embedding !== undefined && { embedding }),
    int8,
    steps,
  };
}

function printReport(
  options: TrainCommandOptions,
  report: TrainReport,
  small: SmallModel | null,
  out: Console,
): void {
  const scores = finalScores(report, options);
  const took = formatDuration(report.seconds * 1000);
  out.say(`trained in ${took}, ${formatNumber(report.tokensPerSecond)} tokens/s`);
  if (scores) {
    const figures = `accuracy ${formatPercent(scores.accuracy)}, macro F1 ${formatPercent(scores.macroF1)}`;
    out.say(figures, { style: 'heading' });
  }
  if (report.truncated > 0) {
    out.warn(`${formatNumber(report.truncated)} rows were longer than the limit and were cut`);
  }
  out.print(`written to ${options.out}\n`);
  if (small === null) return;
  const accuracy = small.accuracy === null ? '' : `, accuracy ${formatPercent(small.accuracy)}`;
  out.print(`int8 model in ${join(options.out, 'int8')}${accuracy}\n`);
}
