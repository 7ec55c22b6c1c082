/**
 * TREC-6 questions, classified by logistic regression over MiniLM's vectors: the graph reads them as features, and no token.
 */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Encoder } from '../../lib/models/encoder.js';
import { featureBatch, regressionGraph } from '../native/featured-toy.js';
import { adamw, engine, run, sealed, step, term } from '../native/toy.js';

/**
 * Percent of the 500 test questions that scikit-learn 1.9.1 gets right: LogisticRegression() as it comes (C=1), fitted to these
 * vectors of the 5452 training questions, `score` on those of the test questions.
 */
const EXPECTED = 91.4;

/**
 * The same problem: C=1 adds |weights|^2 / 2 to the sum of the losses. Where epsilon is far above every gradient, AdamW is
 * gradient descent with momentum and its decay is the gradient of that term; steps may be long, because vectors have length 1.
 */
const DESCENT = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1 } as const;
const LEARNING_RATE = 60;
const STEPS = 400;

const LABELS = ['ABBR', 'DESC', 'ENTY', 'HUM', 'LOC', 'NUM'];
const path = (part: string) =>
  fileURLToPath(new URL(`../../../shared/data/trec6/TREC.${part}`, import.meta.url));
const missing = !existsSync(path('train'));

/** Lines `LABEL:fine question`. */
async function vectorsOf(encoder: Encoder, part: string) {
  const lines = readFileSync(path(part), 'latin1').trim().split('\n');
  const labels = Int32Array.from(lines, (line) => LABELS.indexOf(line.slice(0, line.indexOf(':'))));
  const texts = lines.map((line) => line.slice(line.indexOf(' ') + 1));
  return { labels, vectors: await encoder.embed(texts) };
}

describe('TREC-6', () => {
  it.skipIf(missing)(
    'as scikit-learn within half a point (needs ../shared)',
    async () => {
      const encoder = await Encoder.load();
      const train = await vectorsOf(encoder, 'train');
      const test = await vectorsOf(encoder, 'test');
      await encoder.dispose();
      const width = train.vectors.cols;
      const graph = regressionGraph(width, LABELS.length);
      const zeros = graph.weights.map(({ name, shape }) => {
        return [name, new Float32Array(shape.reduce((a, b) => a * b, 1))] as const;
      });
      const program = await sealed(graph, new Map(zeros), true);
      const { groups } = adamw(['scores.weight'], 1 / train.labels.length);
      const settings = { optimizer: DESCENT, groups };
      const trainer = new (engine().Trainer)(program, settings);
      const loss = term('cross_entropy', train.labels);
      const batch = featureBatch(train.vectors.data, width);
      for (let i = 0; i < STEPS; i++)
        await step(trainer, batch, loss, { update: true, learningRate: LEARNING_RATE });
      const questions = test.labels.length;
      const given = featureBatch(test.vectors.data, width);
      const logits = await run(program, given, 'logits', questions * LABELS.length);
      const right = test.labels.filter((label, i) => {
        const row = [...logits.subarray(i * LABELS.length, (i + 1) * LABELS.length)];
        return row.indexOf(Math.max(...row)) === label;
      });
      const accuracy = (100 * right.length) / questions;
      expect(Math.abs(accuracy - EXPECTED), `${accuracy} %`).toBeLessThanOrEqual(0.5);
    },
    300_000,
  );
});
