/** How an encoder is trained and evaluated on rows of several texts. */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { Matrix } from '../core/matrix.js';
import { PLAIN_SENTENCE } from '../graph/sentence.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { promptText, unpooledTokens } from '../runtime/prompts.js';
import {
  checkRow,
  defaultLoss,
  EMBEDDING_LOSSES,
  type EmbeddingLoss,
  embeddingObjective,
} from '../tasks/embedding/embedding-losses.js';
import type { ExampleRow } from '../tasks/embedding/embedding-rows.js';
import {
  type EmbeddingEvaluation,
  evaluateEmbeddings,
  evaluationKind,
  MAIN_SCORES,
} from '../tasks/embedding/evaluate-embeddings.js';
import {
  collectExamples,
  type ExampleSet,
  streamedExamples,
} from '../tasks/embedding/example-rows.js';
import { labelAccuracy, readPairWeights } from '../tasks/embedding/label-accuracy.js';
import type { LossSettings } from '../tasks/embedding/loss-options.js';
import { withPairClassifier } from '../tasks/embedding/pair-classifier.js';
import { corpusOutput } from '../train/corpus-logits.js';
import type { TrainExtension } from '../train/train-model.js';
import type { Learning } from './trainable-model.js';

/** Losses that take all other texts of a batch as negatives. */
const WITHOUT_DUPLICATES: ReadonlySet<EmbeddingLoss> = new Set([
  'multiple_negatives_ranking',
  'multiple_negatives_symmetric_ranking',
]);

/** `settings` without a loss: the first row to train on decides it. */
export function embeddingLearning(
  parts: ModelParts,
  settings: LossSettings,
): Learning<ExampleSet, EmbeddingEvaluation, EmbeddingEvaluation> {
  const sentence = parts.sentence ?? PLAIN_SENTENCE;
  const { similarityFnName, truncateDim, includePrompt } = sentence;
  const prompt = promptText('rows', sentence, undefined);
  let chosen = settings.loss;
  /** The classes of the rows to train on. */
  const classes = new Map<string, number>();
  const { concatenationSentMultiplication: product = false } = settings.given;
  const byClass = ({ field }: ExampleRow) => chosen === 'softmax' && field === 'label';
  const checkPrompt = () => {
    if (prompt !== '' && !includePrompt) throw promptLeftOut(parts);
  };
  const lossOf = (row: ExampleRow) => {
    chosen ??= defaultLoss(row);
    return chosen;
  };
  const isWithoutDuplicates = () => keepsTextsApart(settings, chosen);
  return {
    get objective() {
      if (chosen === undefined) throw new SinterError('INTERNAL', 'no row has decided the loss');
      return embeddingObjective('train', chosen, settings);
    },
    advice: ['WARMUP_TOO_LONG'],
    get record() {
      const batchSampler = isWithoutDuplicates() ? 'no_duplicates' : 'batch_sampler';
      return { ...recordOf(settings, chosen), batchSampler };
    },
    collect: (rows, { held, ...options }) => {
      const own = { ...options, prompt, byClass };
      if (held) {
        const known = chosen === 'softmax' ? classes : undefined;
        const check = known === undefined ? checkHeldRow : () => {};
        return collectExamples(rows, parts, { ...own, check, known, noDuplicates: () => false });
      }
      checkPrompt();
      const check = (at: string, row: ExampleRow) => checkRow(at, lossOf(row), row);
      return collectExamples(rows, parts, {
        ...{ ...own, check, classes, noDuplicates: isWithoutDuplicates },
      });
    },
    reader: (maxTokens, counts) => {
      checkPrompt();
      if (!counts) checkUncounted(chosen);
      if (isWithoutDuplicates()) throw withoutDuplicates();
      const check = (at: string, row: ExampleRow) => {
        checkRow(at, lossOf(row), row);
        if (isWithoutDuplicates()) throw withoutDuplicates();
      };
      const call = { where: 'train', name: 'rows', signal: undefined } as const;
      const own = { ...call, maxTokens, prompt, check, byClass, classes };
      return streamedExamples(parts, { ...own, noDuplicates: () => false });
    },
    extension: ({ seed }) =>
      chosen === 'softmax'
        ? withClassifier(parts, { classes: classes.size, product, seed })
        : undefined,
    evaluate: async (program, set, { where, signal, graph = parts.graph }) => {
      const unpooled = await unpooledTokens(parts, prompt);
      const call = { where, signal, unpooled };
      const { texts } = set.corpus;
      const whole = await corpusOutput(program, graph, texts, 'embedding', call);
      const width = outputWidth(graph, 'embedding');
      if (evaluationKind(set) === 'label-accuracy') {
        const shape = { width, classes: classes.size, product };
        const classifier = await readPairWeights(where, program.store, shape);
        return labelAccuracy(set, whole, classifier, { where, signal });
      }
      const vectors = firstColumns(whole, Math.min(width, truncateDim ?? width));
      return evaluateEmbeddings(set, vectors, similarityFnName);
    },
    metric: (set) => MAIN_SCORES[evaluationKind(set)],
    scores: (evaluation) => evaluation,
  };
}

/** Whether no batch may hold a text twice. */
function keepsTextsApart({ batchSampler }: LossSettings, loss: EmbeddingLoss | undefined): boolean {
  if (batchSampler !== undefined) return batchSampler === 'no_duplicates';
  return loss !== undefined && WITHOUT_DUPLICATES.has(loss);
}

/** What a training with `softmax` has beside the encoder. Throws RangeError for a single class. */
function withClassifier(
  { graph }: ModelParts,
  settings: { readonly classes: number; readonly product: boolean; readonly seed: number },
): TrainExtension {
  if (settings.classes < 2)
    throw new RangeError('train: rows must have at least two different labels');
  return withPairClassifier(graph, { width: outputWidth(graph, 'embedding'), ...settings });
}

function promptLeftOut({ path }: ModelParts): SinterError {
  const what = 'its pooling leaves the prompt out, which a training step cannot do';
  return new SinterError('UNSUPPORTED_MODEL', `train: ${path}: ${what}`);
}

/** The settings of a loss, for the record of a training. */
function recordOf({ parts, given }: LossSettings, loss: EmbeddingLoss | undefined): JsonObject {
  return {
    ...(loss && { loss, ...EMBEDDING_LOSSES[loss].settings }),
    ...given,
    ...(parts.length > 0 && {
      dimensions: parts.map(({ dimensions }) => dimensions),
      dimensionWeights: parts.map(({ weight }) => weight),
    }),
  };
}

/** Throws RangeError for a loss that is not known without a row, or without all rows. */
function checkUncounted(loss: EmbeddingLoss | undefined): void {
  if (loss === undefined) {
    const what = 'given with streaming and maxSteps, where no row is read before the first step';
    throw rangeMistake('train: loss', what, loss);
  }
  if (loss !== 'softmax') return;
  const what = 'another one with streaming and maxSteps: its classes are those of all rows';
  throw rangeMistake('train: loss', what, loss);
}

function withoutDuplicates(): RangeError {
  const what =
    "'batch_sampler' with streaming: which rows share a text is not known before all are";
  return rangeMistake('train: batchSampler', what, 'no_duplicates');
}

/** Rows to score have numbers: what the classes of two texts say of their similarity is not known. */
function checkHeldRow(at: string, { shape, group }: ExampleRow): void {
  if (shape === 'class-pairs') throw typeMistake(`${at}.label`, 'a finite number', group);
}

function firstColumns(matrix: Matrix, columns: number): Matrix {
  if (columns === matrix.cols) return matrix;
  const cut = Matrix.zeros(matrix.rows, columns);
  for (let i = 0; i < matrix.rows; i++) cut.row(i).set(matrix.row(i).subarray(0, columns));
  return cut;
}
