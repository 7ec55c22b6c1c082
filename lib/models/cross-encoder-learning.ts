/** How a cross-encoder is trained and evaluated on rows of pairs or lists. */

import { rangeMistake, SinterError } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { pearson, spearman } from '../metrics/index.js';
import { meanBinaryCrossEntropy, sigmoid } from '../metrics/logits.js';
import { meanSquaredError } from '../metrics/regression.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { promptText } from '../runtime/prompts.js';
import {
  evaluateReranking,
  type RerankingEvaluation,
  type RerankingScores,
} from '../tasks/reranking/evaluate-reranking.js';
import { inBatchNegatives } from '../tasks/reranking/in-batch-negatives.js';
import { collectLists, pairReader, type RerankingSet } from '../tasks/reranking/list-rows.js';
import type { RerankingSettings } from '../tasks/reranking/loss-options.js';
import {
  type CrossEncoderLoss,
  checkRerankingRow,
  defaultRerankingLoss,
  rerankingObjective,
  settingsOf,
} from '../tasks/reranking/reranking-losses.js';
import type { RerankingRow } from '../tasks/reranking/reranking-rows.js';
import { corpusLogits } from '../train/corpus-logits.js';
import type { PairEvaluation, PairScores } from './cross-encoder.js';
import type { TrainMethod } from './train-method.js';
import type { Learning } from './trainable-model.js';

type CrossEncoderMeasure = Omit<PairEvaluation, 'truncated'> | RerankingEvaluation;

interface CrossEncoderSettings extends RerankingSettings {
  readonly method?: TrainMethod | undefined;
}

/**
 * `settings` without a loss: the first row to train on decides it. `activation` makes a score of a logit. `S` is what the type
 * of the held-out rows says of their scores.
 */
export function crossEncoderLearning<S = PairScores | RerankingScores>(
  parts: ModelParts,
  settings: CrossEncoderSettings,
  activation: (logit: number) => number,
): Learning<RerankingSet, CrossEncoderMeasure, S> {
  const prompt = promptText('rows', parts.sentence, undefined);
  const course = new Course(parts, settings);
  return {
    get objective() {
      return course.objective();
    },
    get record() {
      return course.record();
    },
    reader: (maxTokens, counts) => {
      if (!counts && settings.loss === undefined) {
        const what =
          'given with streaming and maxSteps, where no row is read before the first step';
        throw rangeMistake('train: loss', what, undefined);
      }
      const check = (at: string, row: RerankingRow) => course.check(at, row, false);
      return pairReader(parts, { maxTokens, prompt, check });
    },
    collect: async (rows, { held, ...options }) => {
      const check = (at: string, row: RerankingRow) => course.check(at, row, held);
      const noDuplicates = () => !held && course.isWithoutDuplicates();
      const set = await collectLists(rows, parts, { ...options, prompt, check, noDuplicates });
      if (!held) course.begin(set, options.maxTokens);
      return set;
    },
    evaluate: async (program, set, { graph = parts.graph, ...options }) => {
      const corpus = set.kind === 'pairs' ? set.corpus : set.corpus.texts;
      const logits = await corpusLogits(program, graph, corpus, options);
      const scores = Array.from(logits.data, activation);
      if (set.kind === 'lists') return evaluateReranking(set, scores);
      return scorePairs(
        corpus.targets.values,
        scores,
        course.lossOf(logits, corpus.targets.values),
      );
    },
    metric: (set) => (set.kind === 'pairs' ? undefined : 'ndcg'),
    scores: (evaluation) => scoresOf(evaluation) as S,
  };
}

function scoresOf(evaluation: CrossEncoderMeasure): PairScores | RerankingScores {
  if ('queries' in evaluation) {
    const { mrr, ndcg, map } = evaluation;
    return { mrr, ndcg, map };
  }
  const { loss, pearson: r, spearman: rho } = evaluation;
  return { loss, pearson: r, spearman: rho };
}

/** The loss of a training, which its first row may decide, and what it needs of the rows. */
class Course {
  private loss: CrossEncoderLoss | undefined;
  private set: RerankingSet | undefined;
  private maxTokens = 0;

  constructor(
    private readonly parts: ModelParts,
    private readonly settings: CrossEncoderSettings,
  ) {
    this.loss = settings.loss;
  }

  /** Throws TypeError or RangeError for a row that the loss cannot read. */
  check(at: string, row: RerankingRow, held: boolean): void {
    if (held && row.shape !== 'pairs') return;
    if (!held) this.loss ??= defaultRerankingLoss(row);
    // Held-out pairs may accompany a training on lists.
    const loss = held && this.loss !== 'mse' ? 'binary_cross_entropy' : this.loss;
    if (loss === undefined) throw new SinterError('INTERNAL', 'no row has decided the loss');
    checkRerankingRow(at, loss, row);
    if (held || row.shape === 'pairs' || this.settings.method !== 'head') return;
    const what = `'full' or 'lora' for the loss ${loss}, which ranks the texts of a query`;
    throw rangeMistake('train: method', what, this.settings.method);
  }

  begin(set: RerankingSet, maxTokens: number): void {
    this.set = set;
    this.maxTokens = maxTokens;
  }

  isWithoutDuplicates(): boolean {
    const { batchSampler } = this.settings;
    if (batchSampler === undefined) return this.loss === 'multiple_negatives_ranking';
    return batchSampler === 'no_duplicates';
  }

  /** The loss over held-out pairs. */
  lossOf(logits: Matrix, truth: ArrayLike<number>): number {
    if (this.loss !== 'mse') return meanBinaryCrossEntropy(logits, truth);
    const isSquashed = this.settings.given.activationFn === 'sigmoid';
    return meanSquaredError(truth, isSquashed ? logits.data.map(sigmoid) : logits.data);
  }

  objective() {
    const { set, maxTokens } = this;
    const own = this.own();
    const rows = set?.kind === 'lists' ? set.rows : [];
    const { numNegatives = 0 } = own;
    return rerankingObjective(
      this.chosen(),
      own,
      inBatchNegatives(rows, this.parts, { numNegatives, maxTokens }),
    );
  }

  record() {
    const batchSampler = this.isWithoutDuplicates() ? 'no_duplicates' : 'batch_sampler';
    const own = Object.entries(this.own()).filter(([, value]) => value !== undefined);
    return { loss: this.chosen(), ...Object.fromEntries(own), batchSampler };
  }

  private own() {
    return settingsOf('train', this.chosen(), this.settings.given);
  }

  private chosen(): CrossEncoderLoss {
    if (this.loss === undefined) throw new SinterError('INTERNAL', 'no row has decided the loss');
    return this.loss;
  }
}

function scorePairs(
  truth: ArrayLike<number>,
  predicted: readonly number[],
  loss: number,
): Omit<PairEvaluation, 'truncated'> {
  const alone = predicted.length < 2;
  return {
    rows: predicted.length,
    loss,
    pearson: alone ? Number.NaN : pearson(truth, predicted),
    spearman: alone ? Number.NaN : spearman(truth, predicted),
    predicted,
  };
}
