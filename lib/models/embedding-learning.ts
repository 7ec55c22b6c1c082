/** How an encoder is trained and evaluated on rows of several texts. */

import { SinterError, typeMistake } from '../core/errors.js';
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
import { collectExamples, type ExampleSet } from '../tasks/embedding/example-rows.js';
import type { LossSettings } from '../tasks/embedding/loss-options.js';
import { withPairClassifier } from '../tasks/embedding/pair-classifier.js';
import { corpusOutput } from '../train/corpus-logits.js';
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
  const lossOf = (row: ExampleRow) => {
    chosen ??= defaultLoss(row);
    return chosen;
  };
  const isWithoutDuplicates = () =>
    settings.batchSampler === undefined
      ? chosen !== undefined && WITHOUT_DUPLICATES.has(chosen)
      : settings.batchSampler === 'no_duplicates';
  return {
    get objective() {
      if (chosen === undefined) throw new SinterError('INTERNAL', 'no row has decided the loss');
      return embeddingObjective('train', chosen, settings);
    },
    advice: ['WARMUP_TOO_LONG'],
    get record() {
      const { parts: vectors, given } = settings;
      return {
        ...(chosen && { loss: chosen, ...EMBEDDING_LOSSES[chosen].settings }),
        ...given,
        ...(vectors.length > 0 && {
          dimensions: vectors.map(({ dimensions }) => dimensions),
          dimensionWeights: vectors.map(({ weight }) => weight),
        }),
        batchSampler: isWithoutDuplicates() ? 'no_duplicates' : 'batch_sampler',
      };
    },
    collect: (rows, { held, ...options }) => {
      if (!held && prompt !== '' && !includePrompt) {
        const what = 'its pooling leaves the prompt out, which a training step cannot do';
        throw new SinterError('UNSUPPORTED_MODEL', `train: ${parts.path}: ${what}`);
      }
      const check = held
        ? checkHeldRow
        : (at: string, row: ExampleRow) => checkRow(at, lossOf(row), row);
      const noDuplicates = () => !held && isWithoutDuplicates();
      const byClass = () => !held && chosen === 'softmax';
      return collectExamples(rows, parts, { ...options, prompt, check, noDuplicates, byClass });
    },
    extension: ({ classes }, { seed }) => {
      if (chosen !== 'softmax') return undefined;
      if (classes < 2) throw new RangeError('train: rows must have at least two different labels');
      const { concatenationSentMultiplication: product = false } = settings.given;
      const width = outputWidth(parts.graph, 'embedding');
      return withPairClassifier(parts.graph, { width, classes, product, seed });
    },
    evaluate: async (program, set, { where, signal, graph = parts.graph }) => {
      const unpooled = await unpooledTokens(parts, prompt);
      const call = { where, signal, unpooled };
      const { texts } = set.corpus;
      const whole = await corpusOutput(program, graph, texts, 'embedding', call);
      const width = outputWidth(graph, 'embedding');
      const vectors = firstColumns(whole, Math.min(width, truncateDim ?? width));
      return evaluateEmbeddings(set, vectors, similarityFnName);
    },
    metric: (set) => MAIN_SCORES[evaluationKind(set)],
    scores: (evaluation) => evaluation,
  };
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
