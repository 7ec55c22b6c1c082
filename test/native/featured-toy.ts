// Graphs that read features: alone, and beside the tokens of the texts.
// Rule: everything is seeded, so that a failure repeats.

import { GraphBuilder } from '../../lib/graph/builder.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import type { TokenBatch } from '../../lib/native/program.js';
import { Random } from '../kernels/native-test.js';
import { VOCABULARY } from './toy.js';

/** `logits` as one product of the features: logistic regression. */
export function regressionGraph(width: number, labels: number): EncoderGraph {
  const g = new GraphBuilder();
  const features = g.add({ op: 'features', width, output: 'features' });
  g.output(
    'logits',
    g.linear([{ name: 'scores', inputs: width, outputs: labels }], 'none', features, 'scores'),
  );
  return g.finish({ architecture: 'features', maxTokens: 1, vocabulary: 1, segments: 1 });
}

export const FEATURE_WIDTH = 5;

/** Pooled tokens and features side by side, under a hidden layer and a second look at the features. */
export function mixedGraph(): EncoderGraph {
  const g = new GraphBuilder();
  const tables = [{ weight: 'tokens', rows: VOCABULARY, index: 'token' }] as const;
  const pooled = g.pool('mean', g.embedding(tables, 12, 'x'), 'pooled');
  const features = g.add({ op: 'features', width: FEATURE_WIDTH, output: 'features' });
  const both = g.concat([pooled, features], 'both');
  const up = { name: 'up', inputs: 12 + FEATURE_WIDTH, outputs: 9 };
  const wide = g.linear([up], 'none', both, 'wide');
  const active = g.add({ op: 'activation', kind: 'gelu', input: wide, output: 'active' });
  const again = g.add({ op: 'features', width: FEATURE_WIDTH, output: 'again' });
  const scores = { name: 'scores', inputs: 9 + FEATURE_WIDTH, outputs: 3 };
  g.output('logits', g.linear([scores], 'none', g.concat([active, again], 'all'), 'logits'));
  return g.finish({ architecture: 'features', maxTokens: 64, vocabulary: VOCABULARY, segments: 1 });
}

/** The batch with random features for each of its texts. */
export function withFeatures(batch: TokenBatch, width: number, seed: number): TokenBatch {
  const texts = batch.offsets.length - 1;
  return { ...batch, features: new Random(seed).floats(texts * width) };
}

/** A batch of one token per text, with a text for each row of the features. */
export function featureBatch(features: Float32Array, width: number): TokenBatch {
  const texts = features.length / width;
  const offsets = Int32Array.from({ length: texts + 1 }, (_, i) => i);
  return { ids: new Int32Array(texts), offsets, segments: null, features };
}
