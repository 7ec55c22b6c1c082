/**
 * `sinter evaluate --task embedding`: scores of an encoder on rows of several texts, by their columns.
 */
import { allOf, readEmbeddingRows } from '../data/index.js';
import { Encoder } from '../models/encoder.js';
import { given, usageMistake } from './arguments.js';
import { Console, type Surroundings } from './context.js';
import { DataFiles, withPlaces } from './data-files.js';
import { writeScores } from './evaluate-head.js';
import type { EvaluateOptions } from './evaluate-options.js';
import { scoreText } from './head-tasks.js';
import { loadAdapter, modelOptions, modelPath } from './open-model.js';
import { flagOf } from './option-names.js';
import { checkReport } from './report-file.js';

export async function evaluateEncoder(
  options: EvaluateOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { data, model, threads } = options;
  const other = (['predictions', 'windows', 'minScore'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (other !== undefined)
    throw usageMistake(`${flagOf(other)} is for classifiers, not for encoders`);
  await checkReport(options, [model, data]);
  const files = new DataFiles(options, out);
  const rows = await allOf(readEmbeddingRows(data, files.read));
  if (files.isReport) return files.report();
  const { signal } = out;
  await using encoder = await Encoder.load(
    await modelPath(model),
    given({ lanes: threads, ...(await modelOptions(options)), signal }),
  );
  const beside = await loadAdapter(encoder, options.adapter, signal);
  const scores = await withPlaces({ rows }, () => encoder.evaluate(rows, { signal, ...beside }));
  out.say(`${scores.kind}: ${scoreText(scores)}`);
  out.json({ task: 'embedding', ...scores });
  await writeScores({ ...options, model: model ?? 'all-MiniLM-L6-v2' }, scores, {
    args: surroundings.args,
    out,
  });
}
