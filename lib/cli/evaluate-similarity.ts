/**
 * `sinter evaluate --score-column`: how well an encoder's similarity of two texts follows the scores of a file.
 */
import { SinterError } from '../core/errors.js';
import { formatNumber } from '../core/units.js';
import { type FileRow, readAllRows } from '../data/index.js';
import { COMPARISONS } from '../metrics/comparisons.js';
import { pearson, spearman } from '../metrics/index.js';
import { Encoder } from '../models/encoder.js';
import { given } from './arguments.js';
import { Console, type Surroundings } from './context.js';
import { DataFiles } from './data-files.js';
import type { EvaluateOptions } from './evaluate-options.js';
import { loadAdapter, modelOptions, modelPath } from './open-model.js';

/** A pair of texts and the similarity that people gave it. */
interface ScoredPair {
  readonly text: string;
  readonly pair: string;
  readonly score: number;
}

export async function evaluateSimilarity(
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
  const run = { signal, ...(await loadAdapter(encoder, options.adapter, signal)) };
  const left = await encoder.embed(
    pairs.map(({ text }) => text),
    run,
  );
  const right = await encoder.embed(
    pairs.map(({ pair }) => pair),
    run,
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
  out.say(
    `${similarity} against ${scoreColumn} on ${formatNumber(result.pairs)} pairs: ` +
      `Spearman ${(100 * result.spearman).toFixed(2)}, Pearson ${(100 * result.pearson).toFixed(2)}`,
  );
  out.json(result);
}

function scoredPair({ text, pair, label, file, line }: FileRow): ScoredPair {
  if (pair !== undefined) return { text, pair, score: Number(label) };
  const what = 'no second text (give --pair-column)';
  throw new SinterError('INVALID_DATA', `${file}:${line}: ${what}`, { details: { file, line } });
}
