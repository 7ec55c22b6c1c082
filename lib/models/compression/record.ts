/** The record of a compression that the smaller model carries: enough to run it again, and its verdict. */

import type { JsonObject } from '../../core/json.js';
import { packageVersion } from '../../core/package-files.js';
import type { Compressed } from './compress.js';
import type { CompressionCase } from './evidence.js';

/** The content of compression.json beside the model: enough to run the compression again, and its verdict. */
export function recordOf(
  found: Compressed,
  { given, settings, split }: CompressionCase,
): JsonObject {
  const { verdict, chosen, precision, vocabulary } = found;
  const { passes, metric, original, candidate, drop, interval, rows, maxDrop } = verdict;
  const shape = chosen?.best.shape;
  return JSON.parse(
    JSON.stringify({
      sinter: packageVersion(),
      node: process.versions.node,
      base: given.base,
      settings: settingsOf(settings),
      rows: {
        train: split.train.length,
        choice: split.choice.length,
        test: split.test.length,
        unlabelled: split.unlabelled.length,
      },
      vocabulary,
      layers: shape?.layers ?? null,
      widths: shape?.widths ?? null,
      embeddingSize: shape?.embeddingSize ?? null,
      ranks: shape?.ranks ?? null,
      epochs: chosen?.best.epochs ?? 0,
      isCutShort: found.isCutShort,
      inFloat: precision?.excluded ?? null,
      verdict: { passes, metric, rows, maxDrop, drop, interval, original, candidate },
      speeds: found.speeds,
    }),
  ) as JsonObject;
}

/** The settings that decide the result. */
export function settingsOf(settings: CompressionCase['settings']): JsonObject {
  const { target, maxDrop, strict, methods, student, lowRank } = settings;
  const { epochs, learningRate, batchSize, seed } = settings;
  const own = {
    target: { ...target },
    maxDrop,
    strict,
    methods: [...methods],
    student: student && { ...student },
    lowRank: lowRank && { ...lowRank },
  };
  return { ...own, epochs, learningRate, batchSize, seed };
}
