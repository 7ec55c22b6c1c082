/**
 * Few-shot training (Tunstall et al. 2022, SetFit): trains the encoder on pairs of the rows, so that vectors of one label are
 * alike, and then the head on the vectors of the rows.
 *
 * Both phases are trainings of their own over the same vector: the one that the head reads.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import { splitAtFeatures } from '../graph/rewrite/features.js';
import { withFloatWeights } from '../graph/rewrite/tables.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { contrastivePairs, PairExamples, type Pairs } from './contrastive-pairs.js';
import { Corpus } from './corpus.js';
import type { FewShotSettings } from './few-shot-options.js';
import { trainHeadParts } from './head-training.js';
import type { Objective } from './objectives.js';
import { runTraining, type TrainHooks } from './train-loop.js';
import type { TrainedParts, TrainPlan, TrainRequest } from './train-model.js';
import type { TrainSettings } from './train-options.js';
import type { EmbeddingPhase, TrainReport } from './train-report.js';

const WHERE = 'train';

/** The mean of (cosine - score)^2 over the pairs of a batch. */
const cosineSimilarity: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: [
    {
      kind: 'cosine_similarity',
      output: 'embedding',
      weight: 1,
      targets: targets.values,
    },
  ],
});

/**
 * As `trainHeadParts`, after a phase that trains the encoder. The report is that of the head, with the other phase in
 * `embedding`. `settings` are those of the head; what they say of optimizer, decay, warm-up, schedule and clipping is for both.
 * Throws UNSUPPORTED_MODEL for a head that reads more than a vector of each text, RangeError for rows without pairs.
 */
export async function trainFewShotParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  request: TrainRequest<S>,
  fewShot: FewShotSettings,
): Promise<TrainedParts<S>> {
  const { settings, hooks, signal } = request;
  const { corpus, labelsOf } = plan;
  if (labelsOf === undefined || !(corpus instanceof Corpus))
    throw new SinterError('INTERNAL', 'few-shot training needs texts with labels');
  const random = new SeededRandom(settings.seed);
  const pairs = contrastivePairs(WHERE, labelsOf, fewShot, random);
  const tuned = await tuneEncoder(parts, current, new PairExamples(corpus, pairs), {
    settings: embeddingSettings(settings, fewShot),
    hooks: { onStep: hooks.onStep, onEpoch: hooks.onEpoch, signal },
  });
  try {
    const whole = { ...parts, graph: tuned.graph };
    const trained = await trainHeadParts(whole, tuned.program, plan, {
      ...request,
      hooks: {
        ...hooks,
        onStep: hooks.onStep && ((progress) => hooks.onStep?.({ ...progress, phase: 'head' })),
        onEpoch: hooks.onEpoch && ((progress) => hooks.onEpoch?.({ ...progress, phase: 'head' })),
      },
    });
    const embedding = { ...tuned.phase, ...countsOf(pairs) };
    const diverged = trained.report.diverged ?? tuned.diverged;
    return { ...trained, report: { ...trained.report, embedding, diverged } };
  } finally {
    disposeProgram(tuned.program);
  }
}

function countsOf({ scores }: Pairs) {
  const positives = scores.reduce((sum, score) => sum + score, 0);
  return { pairs: scores.length, positives };
}

/** The settings of the phase that trains the encoder; it evaluates nothing, because its head is not trained yet. */
function embeddingSettings(settings: TrainSettings, fewShot: FewShotSettings): TrainSettings {
  return {
    ...settings,
    epochs: fewShot.numEpochs,
    maxSteps: fewShot.maxSteps,
    batchSize: fewShot.batchSize,
    learningRate: fewShot.bodyLearningRate,
    evalSteps: 0,
    loadBestModelAtEnd: false,
    earlyStoppingPatience: 0,
  };
}

interface Tuning<S> {
  readonly settings: TrainSettings;
  readonly hooks: Pick<TrainHooks<S>, 'onStep' | 'onEpoch'> & { readonly signal: AbortSignal };
}

interface Tuned {
  readonly graph: ModelParts['graph'];
  readonly program: NativeProgram;
  readonly phase: Omit<EmbeddingPhase, 'pairs' | 'positives'>;
  /** What ended this phase early, where its last good weights go on to the next one. */
  readonly diverged: TrainReport['diverged'];
}

/** An inference program of the whole model whose encoder was trained on the pairs. The caller disposes of it. */
async function tuneEncoder<S>(
  parts: ModelParts,
  current: NativeProgram,
  pairs: PairExamples,
  { settings, hooks: { onStep, onEpoch, signal } }: Tuning<S>,
): Promise<Tuned> {
  const split = splitAtFeatures(parts.graph);
  if (split === null) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${WHERE}: method must be 'full' or 'lora' for this model: its head reads more than one vector of each text`,
    );
  }
  const graph = withFloatWeights(parts.graph);
  // The encoder alone is trained, and the head's weights go along unchanged.
  const { embedding } = split.encoder.outputs;
  const outputs = { ...graph.outputs, ...(embedding !== undefined && { embedding }) };
  const encoder = withFloatWeights(split.encoder);
  const trainable = await deriveProgram({ ...graph, outputs }, current.store, {
    trainable: encoder.weights.map(({ name }) => name),
    where: WHERE,
    signal,
  });
  try {
    const hooks: TrainHooks<S> = {
      evaluate: undefined,
      onStep: onStep && ((progress) => onStep({ ...progress, phase: 'embedding' })),
      onEpoch: onEpoch && ((progress) => onEpoch({ ...progress, phase: 'embedding' })),
      signal,
    };
    const report = await runTraining<S>(
      trainable,
      encoder,
      pairs,
      cosineSimilarity,
      settings,
      hooks,
    );
    throwIfAborted(signal, WHERE);
    const options = { trainable: false, where: WHERE, signal } as const;
    const program = await deriveProgram(graph, trainable.store, options);
    const { steps, epochs, seconds, tokensPerSecond, diverged } = report;
    const losses = epochs.map(({ epoch, trainLoss }) => ({ epoch, trainLoss }));
    const phase = { steps, epochs: losses, seconds, tokensPerSecond };
    return { graph, program, phase, diverged };
  } finally {
    await setImmediate();
    disposeProgram(trainable);
    await setImmediate();
  }
}
