/** The options of a training of a cross-encoder that are about its loss. */

import { typeMistake } from '../../core/errors.js';
import { readOptions } from '../../core/options.js';
import { RANK_WEIGHTINGS, type RankWeighting } from '../../native/losses.js';
import { BATCH_SAMPLERS } from '../embedding/loss-options.js';
import {
  CROSS_ENCODER_LOSS_NAMES,
  type CrossEncoderLoss,
  type LossSetting,
  settingsOf,
} from './reranking-losses.js';

export type { RankWeighting } from '../../native/losses.js';

export const ACTIVATION_FNS = ['identity', 'sigmoid'] as const;
export const REDUCTION_LOGS = ['binary', 'natural'] as const;

/** Options of `CrossEncoder.train` about its loss, by their names in sentence-transformers. */
export interface RerankingOptions {
  /**
   * Default by the rows: two texts with a score `binary_cross_entropy`, query and positive `multiple_negatives_ranking`, with
   * scores `margin_mse`; query, docs and labels `lambda`.
   */
  readonly loss?: CrossEncoderLoss;
  /** binary_cross_entropy: factor above 0 on the loss of positive pairs. Default: 1. */
  readonly posWeight?: number;
  /** multiple_negatives_ranking: factor on scores, above 0 and at most 300. Default: 10. */
  readonly scale?: number;
  /**
   * multiple_negatives_ranking: texts of other rows of the batch that each query is scored with, drawn anew in every step;
   * 'all': every one, so that the work grows with the square of the batch. Default: 4.
   */
  readonly numNegatives?: number | 'all';
  /**
   * What the loss makes of the logits first; all losses but binary_cross_entropy, which has its own sigmoid. Default: sigmoid
   * for multiple_negatives_ranking, else identity.
   */
  readonly activationFn?: (typeof ACTIVATION_FNS)[number];
  /** lambda: how pairs of documents are weighted. Default: ndcg_loss2_pp. */
  readonly weightingScheme?: RankWeighting;
  /** lambda with ndcg_loss2_pp: factor from 0 on the weight of ndcg_loss2. Default: 10. */
  readonly mu?: number;
  /** lambda, rank_net: only pairs count of which a document is among the first k by the scores. Default: all pairs. */
  readonly k?: number;
  /** lambda, rank_net: factor above 0 on differences of scores. Default: 1. */
  readonly sigma?: number;
  /** lambda, rank_net: the logarithm, `binary` (default) or `natural`, which divides the loss by log2(e). */
  readonly reductionLog?: (typeof REDUCTION_LOGS)[number];
  /**
   * list_mle, plist_mle: the documents are in the order that is to be learnt, and labels do not count. Default: false, which
   * sorts by labels and leaves equal ones in their order (sentence-transformers: true).
   */
  readonly respectInputOrder?: boolean;
  /**
   * no_duplicates: no batch holds a text twice. Default: no_duplicates for multiple_negatives_ranking, else batch_sampler.
   */
  readonly batchSampler?: (typeof BATCH_SAMPLERS)[number];
}

export const RERANKING_OPTIONS = {
  loss: true,
  posWeight: true,
  scale: true,
  numNegatives: true,
  activationFn: true,
  weightingScheme: true,
  mu: true,
  k: true,
  sigma: true,
  reductionLog: true,
  respectInputOrder: true,
  batchSampler: true,
} as const;

/** The options after their check; `loss` is undefined until the rows have decided it. */
export interface RerankingSettings {
  readonly loss: CrossEncoderLoss | undefined;
  readonly given: Pick<RerankingOptions, LossSetting>;
  readonly batchSampler: RerankingOptions['batchSampler'];
}

/** Checks the options. Throws TypeError or RangeError. */
export function readRerankingOptions(where: string, options: RerankingOptions): RerankingSettings {
  const names = Object.keys(RERANKING_OPTIONS) as (keyof RerankingOptions)[];
  const set = names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]));
  const own = Object.fromEntries(set) as RerankingOptions;
  const read = readOptions<RerankingOptions>(where, own, RERANKING_OPTIONS);
  const loss = read.choice('loss', undefined, CROSS_ENCODER_LOSS_NAMES);
  const batchSampler = read.choice('batchSampler', undefined, BATCH_SAMPLERS);
  read.positive('posWeight', 1);
  read.number('scale', 10, 'above 0, at most 300', (value) => value > 0 && value <= 300);
  if (own.numNegatives !== 'all') {
    if (typeof own.numNegatives === 'string') {
      throw typeMistake(`${where}: numNegatives`, "a whole number or 'all'", own.numNegatives);
    }
    read.count('numNegatives', 4);
  }
  read.choice('activationFn', undefined, ACTIVATION_FNS);
  read.choice('weightingScheme', undefined, RANK_WEIGHTINGS);
  read.nonNegative('mu', 10);
  read.count('k', undefined);
  read.positive('sigma', 1);
  read.choice('reductionLog', undefined, REDUCTION_LOGS);
  read.boolean('respectInputOrder', undefined);
  const { loss: _, batchSampler: __, ...given } = own;
  if (loss !== undefined) settingsOf(where, loss, given);
  return { loss, given, batchSampler };
}
