/**
 * `sinter evaluate` for models with any head but a classifier's with one label per text, and the page of --report.
 */
import type { ReportData } from '../report/index.js';
import { given, usageMistake } from './arguments.js';
import { Console, type Surroundings } from './context.js';
import { DataFiles, withPlaces } from './data-files.js';
import type { EvaluateOptions } from './evaluate-options.js';
import { type HeadTask, loadHead, readHeadRows, scoreText } from './head-tasks.js';
import { loadAdapter, onnxOptions } from './open-model.js';
import { labelScores, type ReportRun, scoreCards, writeReport } from './report-file.js';

/** Evaluates a model with another head, and prints the scores that it has. */
export async function evaluateHead(
  task: HeadTask,
  path: string,
  options: EvaluateOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  if (options.predictions !== undefined) {
    throw usageMistake(`--predictions is for classifiers with one label per text, not for ${task}`);
  }
  if (options.minScore !== undefined) {
    throw usageMistake(`--min-score is for classifiers with one label per text, not for ${task}`);
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
  const beside = await loadAdapter(model, options.adapter, signal);
  const scores = await withPlaces({ rows }, () =>
    model.evaluate(rows as readonly never[], { signal, ...beside }),
  );
  out.say(scoreText(scores));
  const numbers = Object.entries(scores).filter(([key]) => key !== 'predicted');
  out.json({ task, ...Object.fromEntries(numbers) });
  await writeScores(options, scores, { args: surroundings.args, out });
}

/** Writes the page of --report where one was asked for. */
export async function writeScores(
  options: EvaluateOptions,
  scores: object & Pick<ReportData, 'confusion' | 'mistakes'>,
  run: ReportRun,
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
  await writeReport(options, page, run);
}
