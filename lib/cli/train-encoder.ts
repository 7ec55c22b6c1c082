/**
 * `sinter train --task embedding`: fine-tunes an encoder on rows of several texts and writes it as a model folder.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatDuration, formatNumber } from '../core/units.js';
import {
  allOf,
  type EmbeddingFileRow,
  readEmbeddingRows,
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
import { modelOptions, modelPath } from './open-model.js';
import { OutFolder } from './out-folder.js';
import { trainingData, writeReport } from './report-file.js';
import { finalScores } from './train-control.js';
import { trainWithProgress } from './train-progress.js';
import { inMemory } from './train-rows.js';

export interface TrainEncoderOptions extends DataOptions, ModelOptions {
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
  out.say(`training the encoder ${from} on ${formatNumber(rows.length)} rows`, {
    keepsWords: true,
  });
  const setup = { ...settings, eval: held };
  const report = await withPlaces({ rows, eval: held }, () =>
    trainWithProgress(model, inMemory(rows), setup, out),
  );
  const { steps, epochs, seconds, tokensPerSecond, truncated, advice } = report;
  const { evaluations, best, stoppedEarly } = report;
  const figures = { rows: rows.length, truncated, epochs, seconds, tokensPerSecond };
  const course = { evaluations, best, stoppedEarly };
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
  await place.write(async (folder) => {
    await model.save(folder);
    if (options.adapter === true) await model.saveAdapter(join(folder, 'adapter'));
    if (options.quantize === true) {
      await using small = await model.quantize({ signal });
      await small.save(join(folder, 'int8'));
    }
    await writeFile(join(folder, 'training.json'), `${JSON.stringify(json, null, 2)}\n`);
  });
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
      subtitle: `${from} fine-tuned on ${formatNumber(rows.length)} rows of ${options.train}`,
      ...trainingData(report),
    },
    { args: options.args, out },
  );
  out.json(json);
}

interface TrainRows {
  readonly rows: readonly EmbeddingFileRow[];
  readonly held: readonly EmbeddingFileRow[] | null;
}

async function readAll(
  { train, eval: evalFile, holdOut, seed }: TrainEncoderOptions,
  { read }: DataFiles,
): Promise<TrainRows> {
  const rows = await allOf(readEmbeddingRows(train, read));
  if (evalFile !== undefined) return { rows, held: await allOf(readEmbeddingRows(evalFile, read)) };
  if (holdOut === undefined) return { rows, held: null };
  const mixed = shuffled(rows, new SeededRandom(seed));
  const count = Math.min(Math.round(rows.length * holdOut), Math.max(0, rows.length - 1));
  return { rows: mixed.slice(count), held: count === 0 ? null : mixed.slice(0, count) };
}
