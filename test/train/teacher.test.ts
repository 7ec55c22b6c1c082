/** Distillation: a student of one layer learns a teacher's hidden states, through an objective that awaits the teacher. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { runBatch } from '../../lib/runtime/forward.js';
import { Corpus } from '../../lib/train/corpus.js';
import type { Objective } from '../../lib/train/objectives.js';
import { runTraining } from '../../lib/train/train-loop.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';
import { randomWeights, sealed, toyGraph } from '../native/toy.js';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

it('the loss against the hidden states of a teacher falls to half', async () => {
  const load = { lanes: undefined, signal: undefined, seed: 0 };
  const folder = path('test/fixtures/encoders/bert');
  const teacher = await loadModel('test', folder, { task: 'embedding' }, load);
  const lines = readFileSync(path('data/banking77/test.csv'), 'utf8').split('\n').slice(1, 97);
  const { ids, offsets } = await teacher.tokenizer.encode(lines, { maxTokens: 64 });
  const targets = { unit: 'text', width: 0, values: new Int32Array() } as const;
  const corpus = new Corpus({ ids, offsets, segments: null }, targets);

  const hiddenStates: Objective = async ({ tokens }) => {
    const hidden = new Float32Array(tokens.ids.length * 20);
    await teacher.program.use('test', (program) =>
      runBatch(program, tokens, 'hidden', hidden, { where: 'test', signal: undefined }),
    );
    return { tokens, terms: [{ kind: 'mse', output: 'hidden', weight: 1, targets: hidden }] };
  };

  const graph = toyGraph({ hidden: 20, heads: 4, layers: 1, vocabulary: 300, dropout: 0.05 });
  const student = await sealed(graph, randomWeights(graph, 1), true);
  const options = { epochs: 8, batchSize: 16, learningRate: 1e-2 };
  const settings = readTrainOptions('train', options, TRAIN_OPTIONS);
  const hooks = { evaluate: undefined, onStep: undefined, onEpoch: undefined, signal: undefined };
  const { epochs } = await runTraining(student, graph, corpus, hiddenStates, settings, hooks);
  const losses = epochs.map(({ trainLoss }) => trainLoss);
  expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? 0));
  student.dispose();
  await teacher.program.retire();
});
