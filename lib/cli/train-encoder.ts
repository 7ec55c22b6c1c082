/**
 * `sinter train --task embedding`: fine-tunes an encoder on rows of several texts and writes it as a model folder.
 */
import { formatDuration, formatNumber } from '../core/units.js';
import {
  allOf,
  type EmbeddingFileRow,
  type FileRow,
  readEmbeddingRows,
  readRows,
  SeededRandom,
  shuffled,
} from '../data/index.js';
import { Encoder } from '../models/encoder.js';
import type { EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import type { TrainOptions } from '../train/train-options.js';
import { type DataOptions, given, type ModelOptions, usageMistake } from './arguments.js';
import type { Console } from './context.js';
import { DataFiles, withPlaces } from './data-files.js';
import { scoreText } from './head-tasks.js';
import { innerTerms, type LossFlags, openTeacher } from './loss-flags.js';
import { modelOptions, modelPath } from './open-model.js';
import { OutFolder } from './out-folder.js';
import { trainingData, writeReport } from './report-file.js';
import { finalScores } from './train-control.js';
import { trainWithProgress } from './train-progress.js';
import { inMemory, streamedRows, type TrainRows } from './train-rows.js';
import { writeTrained } from './write-trained.js';

export interface TrainEncoderOptions
  extends DataOptions,
    ModelOptions,
    Pick<LossFlags, 'teacher' | 'hiddenStates' | 'relations' | 'relationHeads' | 'embeddings'> {
  readonly train: string;
  readonly eval?: string;
  readonly holdOut?: number;
  readonly model?: string;
  readonly out: string;
  readonly seed: number;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly quantize?: boolean;
  readonly adapter?: boolean;
  readonly overwrite?: boolean;
  readonly newHead?: boolean;
  readonly report?: string;
  readonly streaming?: boolean;
  /** The command line, for the report. */
  readonly args: readonly string[];
}

type Settings = TrainOptions &
  EmbeddingLossOptions & { readonly epochs: number; readonly batchSize: number };

export async function trainEncoder(
  options: TrainEncoderOptions,
  settings: Settings,
  out: Console,
): Promise<void> {
  if (options.newHead === true) throw usageMistake('--new-head is for heads; an encoder has none');
  checkTeacher(options);
  const inputs = [options.model, options.train, options.eval];
  await using place = await OutFolder.take({ ...options, inputs });
  const files = new DataFiles(options, out);
  const { rows, held } = await readAll(options, files);
  if (files.isReport) return files.report();
  const { signal } = out;
  await using model = await Encoder.load(
    await modelPath(options.model),
    given({
      lanes: options.threads,
      maxTokens: options.maxTokens,
      ...(await modelOptions(options)),
      signal,
    }),
  );
  await place.needs((await model.info()).storedBytes);
  const from = options.model ?? 'all-MiniLM-L6-v2';
  out.say(`training the encoder ${from} on ${formatNumber(rows.count)} rows`, {
    keepsWords: true,
  });
  await using teacher = await openTeacher(
    options.teacher,
    (path, own) => Encoder.load(path, own),
    signal,
  );
  const setup = { ...settings, ...taughtBy(teacher, options), eval: held };
  const report = await withPlaces({ rows: rows.rows, eval: held }, () =>
    trainWithProgress(model, rows, setup, out),
  );
  const { steps, epochs, seconds, tokensPerSecond, truncated, advice } = report;
  const { evaluations, best, stoppedEarly, diverged } = report;
  const figures = { rows: rows.count, truncated, epochs, seconds, tokensPerSecond };
  const course = { evaluations, best, stoppedEarly, diverged };
  const { training } = await model.info();
  const json = {
    ...training,
    out: options.out,
    task: 'embedding',
    ...figures,
    ...course,
    advice,
    steps,
  };
  await place.write((folder) => writeTrained(folder, model, options, { json, signal }));
  const took = formatDuration(seconds * 1000);
  out.print(`trained in ${took}, ${formatNumber(tokensPerSecond)} tokens/s\n`);
  const scores = finalScores(report, settings);
  if (scores !== null) out.say(scoreText(scores), { style: 'heading' });
  if (truncated > 0) {
    out.warn(`${formatNumber(truncated)} rows were longer than the limit and were cut`);
  }
  out.print(`written to ${options.out}\n`);
  await writeReport(
    options,
    {
      title: `Training of ${options.out}`,
      subtitle: `${from} fine-tuned on ${formatNumber(rows.count)} rows of ${options.train}`,
      ...trainingData(report),
    },
    { args: options.args, out },
  );
  out.json(json);
}

interface AllRows {
  /** With --teacher texts, whatever the type says. */
  readonly rows: TrainRows<EmbeddingFileRow>;
  readonly held: readonly EmbeddingFileRow[] | null;
}

type TrainRow = EmbeddingFileRow | Pick<FileRow, 'text' | 'pair' | 'file' | 'line'>;

/** Throws for a way to hold rows out that texts without labels do not have. */
function checkTeacher({ teacher, holdOut }: TrainEncoderOptions): void {
  if (teacher === undefined || holdOut === undefined) return;
  const what = 'texts alone cannot be scored: give rows with scores or labels with --eval';
  throw usageMistake(`--hold-out is left out with --teacher: ${what}`);
}

/** What is learned from the model of --teacher; nothing without one. */
function taughtBy(teacher: Encoder | null, { embeddings: loss, ...flags }: TrainEncoderOptions) {
  if (teacher === null) return {};
  const embeddings = loss && { loss };
  return { distillation: { teacher, ...innerTerms(flags), ...given({ embeddings }) } };
}

/** The texts of a file to learn from a teacher; two columns are two texts, unless --pair-column makes them one input. */
async function readTexts(train: string, { read }: DataFiles): Promise<TrainRow[]> {
  const rows = await allOf(readRows(train, { ...read, labels: 'none' }));
  return rows.flatMap(({ text, pair, file, line }) => {
    const place = { file, line };
    if (pair === undefined) return [{ text, ...place }];
    if (read.pairColumn !== undefined) return [{ text, pair, ...place }];
    return [text, pair].map((one) => ({ text: one, ...place }));
  });
}

async function readAll(
  { train, eval: evalFile, holdOut, seed, teacher, streaming }: TrainEncoderOptions,
  files: DataFiles,
): Promise<AllRows> {
  const { read } = files;
  const readHeld = async () =>
    evalFile === undefined ? null : await allOf(readEmbeddingRows(evalFile, read));
  if (teacher !== undefined) {
    const rows = (await readTexts(train, files)) as readonly EmbeddingFileRow[];
    return { rows: inMemory(rows), held: await readHeld() };
  }
  if (streaming === true) {
    const rows = await streamedRows(
      (own) => readEmbeddingRows(train, own),
      read,
      () => [],
    );
    return { rows, held: await readHeld() };
  }
  const rows = await allOf(readEmbeddingRows(train, read));
  if (holdOut === undefined) return { rows: inMemory(rows), held: await readHeld() };
  const mixed = shuffled(rows, new SeededRandom(seed));
  const count = Math.min(Math.round(rows.length * holdOut), Math.max(0, rows.length - 1));
  return { rows: inMemory(mixed.slice(count)), held: count === 0 ? null : mixed.slice(0, count) };
}
