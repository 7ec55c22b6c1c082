/** Makes the data of a report from what a compression found. */

import { formatNumber, formatPercent } from '../../core/units.js';
import { isQuantized } from '../../graph/rewrite/quantize.js';
import { unitsOf } from '../../graph/rewrite/units.js';
import type { EncoderGraph } from '../../graph/types.js';
import { reliability } from '../../metrics/index.js';
import type {
  ChangedRow,
  CompressionVariant,
  LayerWidths,
  ProductRank,
} from '../../report/compression-types.js';
import { bytesOf, type Trained } from './candidates.js';
import type { Compressed } from './compress.js';
import type { CompressionCase, CompressionEvidence } from './evidence.js';
import { settingsOf } from './record.js';
import { reportHistograms } from './report-histograms.js';
import { describe } from './search.js';
import { keyOf } from './split.js';

/** Rows with a changed answer that are shown. */
const SHOWN_ROWS = 50;

export async function reportData(
  found: Compressed,
  about: CompressionCase,
): Promise<CompressionEvidence> {
  const { split, settings, subject, given } = about;
  const { verdict } = found;
  const texts = split.test.map(keyOf);
  const { outcomes } = found;
  return {
    format: 1,
    title: `Compression of ${given.base}`,
    subtitle: `${subject.task}, judged by ${subject.metric} on ${formatNumber(split.test.length)} rows that were used for no choice`,
    variants: variantsOf(found, about),
    verdict,
    choices: choicesOf(found, about),
    ...changedRows(outcomes, texts),
    ...reliabilities(outcomes),
    ...(found.precision !== null && { sensitivity: found.precision.sensitivity }),
    ...(found.chosen !== null && { widths: widthsOf(found.chosen.best, about.source.graph) }),
    ...(found.ranks !== null && { ranks: found.ranks }),
    histograms: await reportHistograms(found, about),
    stages: found.stages.map(({ stage, seconds }) => ({ name: stage, seconds })),
    data: [
      { use: 'training', rows: split.train.length },
      { use: 'choice of candidates', rows: split.choice.length },
      { use: 'verdict', rows: split.test.length },
      ...(split.unlabelled.length > 0
        ? [{ use: 'texts without labels', rows: split.unlabelled.length }]
        : []),
    ],
    latency: found.latency,
    isCutShort: found.isCutShort,
    settings: settingsOf(settings),
  };
}

function variantsOf(found: Compressed, { source }: CompressionCase): CompressionVariant[] {
  const { original, visits, chosen, speeds, parts } = found;
  const [before, after] = speeds;
  const trained = visits.flatMap((visit) => visit.trained);
  // The last round of a shape counts.
  const last = new Map(trained.map((one) => [one.shape.name, one]));
  const others = [...last.values()].filter((one) => one !== chosen?.best);
  return [
    {
      ...{ name: 'original', role: 'original', precision: 'f32', bytes: bytesOf(source.graph) },
      ...speedOf(before),
      score: original.choice,
    },
    {
      name: chosen === null ? 'compressed' : describe(chosen.best.shape),
      ...{ role: 'chosen', precision: isQuantized(parts.graph) ? 'int8' : 'f32' },
      bytes: bytesOf(parts.graph),
      ...speedOf(after),
      score: found.precision?.after ?? chosen?.best.score ?? original.choice,
    },
    ...others.map(
      (one): CompressionVariant => ({
        name: `${describe(one.shape)}, ${one.epochs} passes`,
        role: 'candidate',
        bytes: one.bytes,
        ...(one.speedup !== null &&
          before !== undefined && { tokensPerSecond: before.tokensPerSecond * one.speedup }),
        score: one.score,
      }),
    ),
  ];
}

function speedOf(speed: Compressed['speeds'][number] | undefined) {
  if (speed === undefined) return {};
  const { tokensPerSecond, latencyMs } = speed;
  return { tokensPerSecond, latencyMs: { p50: latencyMs } };
}

/** What was chosen, and why. */
function choicesOf(found: Compressed, { split, settings }: CompressionCase): string[] {
  const { chosen, original, visits, precision, vocabulary, isCutShort } = found;
  const { metric } = found.verdict;
  const lines = [...split.notes];
  lines.push(
    `The chart compares scores on the ${formatNumber(split.choice.length)} rows of the choice; the verdict is on other rows.`,
  );
  if (vocabulary !== null) {
    const { tokensBefore, tokensAfter } = vocabulary;
    lines.push(
      `${formatNumber(tokensAfter)} of ${formatNumber(tokensBefore)} tokens occur in the rows to learn from; the others are gone.`,
    );
  }
  for (const { tried, best } of visits) {
    const shots = tried.map(
      ({ shape, score }) => `${describe(shape)}: ${metric} ${score.toFixed(4)} before training`,
    );
    lines.push(
      `Shapes of one speed: ${shots.join('; ')}. Best after ${best.epochs} passes: ${describe(best.shape)} with ${best.score.toFixed(4)}.`,
    );
  }
  if (chosen !== null) {
    const lost = original.choice - chosen.best.score;
    const allowed = lost <= settings.maxDrop ? 'within' : 'more than';
    lines.push(
      `Chosen: ${describe(chosen.best.shape)}, which lost ${formatPercent(lost)} of the score, ${allowed} the ${formatPercent(settings.maxDrop)} that may be lost.`,
    );
  }
  if (found.ranks !== null) lines.push(ranksLine(found.ranks));
  if (precision !== null) {
    const { excluded, before, after } = precision;
    const kept =
      excluded.length === 0 ? 'all products are int8' : `${excluded.join(', ')} stay f32`;
    lines.push(`Precision: ${kept}; ${metric} ${before.toFixed(4)} -> ${after.toFixed(4)}.`);
  }
  if (isCutShort)
    lines.push('The time was over before the search had ended: this is the best so far.');
  return lines;
}

function ranksLine(ranks: readonly ProductRank[]): string {
  const thin = ranks.filter(({ rank }) => rank !== null);
  const reasons = new Map<string, number>();
  for (const { rank, decision } of ranks)
    if (rank === null) reasons.set(decision, (reasons.get(decision) ?? 0) + 1);
  const others = [...reasons].map(([reason, count]) => `; ${count} ${reason}`);
  return `Low rank: ${thin.length} of ${ranks.length} products are two thin ones${others.join('')}.`;
}

/** Rows whose answer changed; nothing for tasks whose rows have no class. */
function changedRows(
  { before, after }: Compressed['outcomes'],
  texts: readonly string[],
): Pick<CompressionEvidence, 'changed'> {
  const [first, second] = [before.classes, after.classes];
  if (first === undefined || second === undefined) return {};
  const rows = texts.flatMap((text, i): ChangedRow[] => {
    if (first.predicted[i] === second.predicted[i]) return [];
    const answer = (outcome: typeof before, classes: NonNullable<typeof first>) => ({
      answer: classes.names[classes.predicted[i] ?? 0] ?? '',
      score: outcome.probabilities?.[i] ?? Number.NaN,
    });
    const truth = first.names[first.truth[i] ?? 0] ?? '';
    return [{ text, truth, original: answer(before, first), candidate: answer(after, second) }];
  });
  return { changed: { rows: rows.slice(0, SHOWN_ROWS), total: rows.length } };
}

function reliabilities({
  before,
  after,
}: Compressed['outcomes']): Pick<CompressionEvidence, 'reliability'> {
  const [original, candidate] = [before, after].map(({ probabilities, right }) =>
    probabilities === undefined || right === undefined
      ? null
      : reliability(
          probabilities,
          Array.from(right, (one) => one === 1),
        ),
  );
  return original == null || candidate == null ? {} : { reliability: { original, candidate } };
}

function widthsOf({ shape }: Trained, graph: EncoderGraph): LayerWidths[] {
  const { heads, neurons } = unitsOf(graph);
  return heads.map((units, layer): LayerWidths => {
    const at = shape.layers.indexOf(layer);
    const kept = (part: 'heads' | 'neurons') => (at < 0 ? 0 : (shape.widths[part][at] ?? 0));
    return {
      name: `layer ${layer}`,
      heads: { original: units.count, kept: kept('heads') },
      neurons: { original: neurons[layer]?.count ?? 0, kept: kept('neurons') },
    };
  });
}
