/**
 * The losses that a cross-encoder is trained with, by their names in sentence-transformers: the rows that each reads, its
 * options with their defaults, and its terms of the native core.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
import type { SeededRandom } from '../../core/random.js';
import type { LossKind, LossSettings, LossTerm } from '../../native/losses.js';
import type { LabelledBatch } from '../../train/corpus.js';
import { binaryCrossEntropy, meanSquares, type Objective } from '../../train/objectives.js';
import type { RerankingOptions } from './loss-options.js';
import { describeReranking, type RerankingRow, type RerankingShape } from './reranking-rows.js';

/** Losses of `CrossEncoder.train`, each the class of sentence-transformers that its name says. */
export type CrossEncoderLoss = keyof typeof CROSS_ENCODER_LOSSES;

/** Options that belong to single losses. */
export type LossSetting = Exclude<keyof RerankingOptions, 'loss' | 'batchSampler'>;

interface LossRow {
  readonly shapes: readonly RerankingShape[];
  /** Options that the loss has, with their defaults; undefined: there is none. */
  readonly settings: Readonly<Partial<Record<LossSetting, string | number | boolean | undefined>>>;
  /** The term of losses over lists. */
  readonly kind?: LossKind;
}

const LISTS = ['lists', 'ranking'] as const;
const PAIRWISE = {
  k: undefined,
  sigma: 1,
  reductionLog: 'binary',
  activationFn: 'identity',
} as const;
const BY_ORDER = { respectInputOrder: false, activationFn: 'identity' } as const;

export const CROSS_ENCODER_LOSSES = {
  binary_cross_entropy: { shapes: ['pairs'], settings: { posWeight: undefined } },
  mse: { shapes: ['pairs'], settings: { activationFn: 'identity' }, kind: 'list_mse' },
  multiple_negatives_ranking: {
    shapes: ['ranking'],
    settings: { scale: 10, numNegatives: 4, activationFn: 'sigmoid' },
    kind: 'first_of_list',
  },
  margin_mse: {
    shapes: ['margins'],
    settings: { activationFn: 'identity' },
    kind: 'list_margin_mse',
  },
  lambda: {
    shapes: LISTS,
    settings: { weightingScheme: 'ndcg_loss2_pp', mu: 10, ...PAIRWISE },
    kind: 'lambda',
  },
  rank_net: { shapes: LISTS, settings: PAIRWISE, kind: 'lambda' },
  list_net: { shapes: LISTS, settings: { activationFn: 'identity' }, kind: 'list_net' },
  list_mle: { shapes: LISTS, settings: BY_ORDER, kind: 'list_mle' },
  plist_mle: { shapes: LISTS, settings: BY_ORDER, kind: 'list_mle' },
} as const satisfies Readonly<Record<string, LossRow>>;

export const CROSS_ENCODER_LOSS_NAMES = Object.keys(
  CROSS_ENCODER_LOSSES,
) as readonly CrossEncoderLoss[];

const DEFAULTS: Readonly<Record<RerankingShape, CrossEncoderLoss>> = {
  pairs: 'binary_cross_entropy',
  ranking: 'multiple_negatives_ranking',
  margins: 'margin_mse',
  lists: 'lambda',
};

/** The loss for rows of this form where the caller named none. */
export function defaultRerankingLoss({ shape }: Pick<RerankingRow, 'shape'>): CrossEncoderLoss {
  return DEFAULTS[shape];
}

/** The settings of a loss with those that were given. Throws RangeError for one that the loss does not have. */
export function settingsOf(
  where: string,
  loss: CrossEncoderLoss,
  given: Pick<RerankingOptions, LossSetting>,
): Pick<RerankingOptions, LossSetting> {
  const { settings }: LossRow = CROSS_ENCODER_LOSSES[loss];
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(settings, name)) {
      throw rangeMistake(`${where}: ${name}`, `left out: the loss ${loss} has none`, value);
    }
  }
  const { mu, ...all } = { ...settings, ...given } as Pick<RerankingOptions, LossSetting>;
  if (all.weightingScheme === 'ndcg_loss2_pp') return { mu: mu ?? 10, ...all };
  if (given.mu === undefined) return all;
  const what = 'left out: only the weightingScheme ndcg_loss2_pp has it';
  throw rangeMistake(`${where}: mu`, what, given.mu);
}

const SHAPE_WORDS: Readonly<Record<RerankingShape, string>> = {
  pairs: 'two texts and score or label',
  ranking: 'query and positive without a score',
  margins: 'query, positive, negatives and score',
  lists: 'query, docs and labels, or query, positive and negatives',
};

/** Throws RangeError naming the row `at` if the loss cannot read it. */
export function checkRerankingRow(at: string, loss: CrossEncoderLoss, row: RerankingRow): void {
  const { shapes }: LossRow = CROSS_ENCODER_LOSSES[loss];
  const isAlone = row.shape === 'ranking' && shapes === LISTS && row.docs.length < 2;
  if (!shapes.includes(row.shape) || isAlone) {
    const what = `a row of ${SHAPE_WORDS[shapes[0] ?? row.shape]} for the loss ${loss}`;
    throw new RangeError(`${at} must be ${what}, got ${describeReranking(row)}`);
  }
  const [score = 0] = row.relevances;
  if (loss === 'binary_cross_entropy' && !(score >= 0 && score <= 1)) {
    throw rangeMistake(`${at}.${row.field}`, 'a number from 0 to 1', score);
  }
  // The gains of documents are 2^label, which a double has to hold.
  const large = loss === 'lambda' ? row.relevances.findIndex((label) => label > 100) : -1;
  if (large >= 0) {
    const what = 'at most 100 for the loss lambda';
    throw rangeMistake(`${at}.labels[${large}]`, what, row.relevances[large]);
  }
}

/** Adds texts to the lists of a batch: pairs that are made anew in every step. */
export type Extender = (batch: LabelledBatch, random: SeededRandom) => Promise<LabelledBatch>;

/** The objective of a loss. `extend` is needed for multiple_negatives_ranking only. */
export function rerankingObjective(
  loss: CrossEncoderLoss,
  settings: Pick<RerankingOptions, LossSetting>,
  extend: Extender,
): Objective {
  const { posWeight, activationFn } = settings;
  if (loss === 'binary_cross_entropy') {
    return posWeight === undefined ? binaryCrossEntropy : withPosWeight(posWeight);
  }
  if (loss === 'mse' && activationFn === 'identity') return meanSquares;
  return async (batch, random) => {
    const isExtended = loss === 'multiple_negatives_ranking';
    const whole = isExtended ? await extend(batch, random) : batch;
    return { tokens: whole.tokens, terms: [listTerm(loss, settings, whole)] };
  };
}

function withPosWeight(posWeight: number): Objective {
  const posWeights = Float32Array.of(posWeight);
  return async (batch, random) => {
    const { tokens, terms } = await binaryCrossEntropy(batch, random);
    return { tokens, terms: terms.map((term) => ({ ...term, settings: { posWeights } })) };
  };
}

/** The term of a loss over lists; of pairs, all are one list. */
function listTerm(
  loss: CrossEncoderLoss,
  settings: Pick<RerankingOptions, LossSetting>,
  { targets, lists }: LabelledBatch,
): LossTerm {
  const { kind }: LossRow = CROSS_ENCODER_LOSSES[loss];
  if (kind === undefined) throw new SinterError('INTERNAL', `${loss} has no term over lists`);
  const { scale, reductionLog } = settings;
  const values = Float32Array.from(targets.values);
  const lengths = lists?.lengths ?? Int32Array.of(values.length);
  return {
    kind,
    output: 'logits',
    weight: reductionLog === 'binary' ? 1 / Math.LN2 : 1,
    targets: settings.respectInputOrder === true ? inInputOrder(lengths) : values,
    lists: lengths,
    ...(scale !== undefined && { scale }),
    settings: termSettings(loss, settings),
  };
}

function termSettings(
  loss: CrossEncoderLoss,
  { activationFn, sigma, k, mu, weightingScheme }: Pick<RerankingOptions, LossSetting>,
): LossSettings {
  const weighting = loss === 'rank_net' ? 'none' : weightingScheme;
  return {
    sigmoid: activationFn === 'sigmoid',
    ...(sigma !== undefined && { sigma }),
    ...(k !== undefined && { k }),
    ...(mu !== undefined && { mu }),
    ...(weighting !== undefined && { weighting }),
    ...(loss === 'plist_mle' && { byPosition: true }),
  };
}

/** Relevances that fall along each list. */
function inInputOrder(lengths: Int32Array): Float32Array {
  return Float32Array.from(
    [...lengths].flatMap((length) => Array.from({ length }, (_, i) => length - i)),
  );
}
