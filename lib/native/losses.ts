/**
 * The losses of the native core and the terms of a training step: the part of the border that `NativeTrainer.accumulate`
 * reads.
 *
 * A test compares the table with the core's own.
 */

/**
 * The losses of the native core, in the order of `losses.inc`.
 *
 * `targets`: `classes` are one int32 per row of the output, -1 for rows that do not count; `values` are floats [rows,
 * width]; `spans` are int32 [texts, 2], start and end counted from the text's first token, -1 if the text does not count;
 * `positives` are one int32 per anchor; `scores` are one float per pair; `margins` are floats [examples, negatives]; `groups`
 * are one int32 per row, its class; `rankings` are floats [examples, 1 + negatives]; `lists` are one float per row, its
 * relevance, where the output has one column, and the field `lists` of the term holds the rows of each list;
 * `vectors` are floats [1 or 2, rows, `targetColumns` of the relation]; `pair_classes` are one int32 per pair.
 *
 * `unit`: what the mean is taken over. `coupled`: the loss of a row depends on other rows, so the whole batch goes forward
 * before any of it goes backward.
 */
export const LOSSES = {
  /** The targets are the gradient of a loss that the caller computed; the value is 0. */
  external: { targets: 'values', unit: 'element', coupled: false },
  /** -log softmax(row)[class]. */
  cross_entropy: { targets: 'classes', unit: 'row', coupled: false },
  /** -sum of target * log softmax(row); targets are probabilities. */
  soft_cross_entropy: { targets: 'values', unit: 'row', coupled: false },
  /** -(1 - p)^gamma log p, p = softmax(row)[class]. */
  focal: { targets: 'classes', unit: 'row', coupled: false },
  /** T^2 times the divergence of softmax(row / T) from softmax(target / T); targets are a teacher's logits. */
  kl_divergence: { targets: 'values', unit: 'row', coupled: false },
  /** Binary cross entropy of the sigmoid of each output; targets from 0 to 1. */
  bce: { targets: 'values', unit: 'element', coupled: false },
  /** The focal loss of the sigmoid of each output; targets from 0 to 1. */
  sigmoid_focal: { targets: 'values', unit: 'element', coupled: false },
  /** Mean squared error. */
  mse: { targets: 'values', unit: 'element', coupled: false },
  /** Mean absolute error. */
  mae: { targets: 'values', unit: 'element', coupled: false },
  /** error^2 / 2 up to delta, then delta (|error| - delta / 2). */
  huber: { targets: 'values', unit: 'element', coupled: false },
  /** error^2 / (2 beta) below beta, then |error| - beta / 2. */
  smooth_l1: { targets: 'values', unit: 'element', coupled: false },
  /** 1 - cosine of a row and its target. */
  cosine_distance: { targets: 'values', unit: 'row', coupled: false },
  /**
   * Divergence of the relations of the tokens of a text from those of the targets, by `settings.relation`, divided by heads *
   * tokens (MiniLM).
   */
  relation: { targets: 'vectors', unit: 'text', coupled: false },
  /** As relation, divided by heads * the tokens of all texts. */
  token_relation: { targets: 'vectors', unit: 'row', coupled: false },
  /** Two columns, start and end, over the tokens: the mean of the two cross entropies of a softmax over the tokens of a text. */
  span: { targets: 'spans', unit: 'text', coupled: false },
  /**
   * Columns over the tokens, as span has two: kl_divergence of the softmax of each column over the tokens of a text, its mean
   * over columns and texts; targets are a teacher's logits.
   */
  span_kl_divergence: { targets: 'values', unit: 'text', coupled: false },
  /**
   * The first rows are anchors, the others candidates; target i is the index of the candidate that is the positive of anchor
   * i. Cross entropy over scale * cosine with every candidate, or what its settings say instead.
   */
  in_batch_negatives: { targets: 'positives', unit: 'row', coupled: true },
  /** Rows: n first texts of pairs, then n second ones. log(1 + sum of e^(scale * (cos i - cos j)) where score i < score j). */
  cosent: { targets: 'scores', unit: 'row', coupled: true },
  /** As cosent, with the similarity of AnglE: halves of rows as complex vectors. */
  angle: { targets: 'scores', unit: 'row', coupled: true },
  /** Pairs of rows as in cosent. Mean of (cosine - score)^2. */
  cosine_similarity: { targets: 'scores', unit: 'row', coupled: true },
  /**
   * Pairs of rows as in cosent; target i is the class of pair i, -1 for pairs that do not count. Mean cross entropy of W [u; v;
   * |u - v|] + b, whose W and b are weights of the program, by `settings.classifier`.
   */
  pair_cross_entropy: { targets: 'pair_classes', unit: 'row', coupled: true },
  /** Pairs of rows, scores 1 or 0. Mean of d^2 / 2 for 1, of max(margin - d, 0)^2 / 2 for 0; d is the distance. */
  contrastive: { targets: 'scores', unit: 'row', coupled: true },
  /** contrastive over the hard pairs, as a sum and without its 1/2. */
  online_contrastive: { targets: 'scores', unit: 'row', coupled: true },
  /**
   * Rows: all anchors, all positives, then a block for each negative. Mean over all negatives of max(d(anchor, positive) -
   * d(anchor, negative) + target, 0).
   */
  triplet: { targets: 'margins', unit: 'row', coupled: true },
  /** Rows as in triplet. Mean over all negatives of (anchor . positive - anchor . negative - target)^2. */
  margin_mse: { targets: 'margins', unit: 'row', coupled: true },
  /**
   * Mean over the rows of max(the largest distance to a row of the same class - the smallest to a row of another class +
   * margin, 0).
   */
  batch_hard_triplet: { targets: 'groups', unit: 'row', coupled: true },
  /**
   * Rows as in triplet; targets are a teacher's scores of the positive and the negatives. kl_divergence of softmax(dot products
   * with the anchor / T) from softmax(scores / T).
   */
  distill_kl_div: { targets: 'rankings', unit: 'row', coupled: true },
  /** Mean over pairs of a list with relevance i > j of weight * log(1 + e^(-sigma (score i - score j))). */
  lambda: { targets: 'lists', unit: 'row', coupled: true },
  /** Mean over the lists of the cross entropy of softmax(scores) against softmax(relevances). */
  list_net: { targets: 'lists', unit: 'row', coupled: true },
  /** Mean over the lists of the negative log likelihood (Plackett, Luce) of the order of the relevances. */
  list_mle: { targets: 'lists', unit: 'row', coupled: true },
  /** Mean over the lists of -log softmax(scale * score) of the first row; the relevances are not read. */
  first_of_list: { targets: 'lists', unit: 'row', coupled: true },
  /** Mean over all rows but the first of each list of ((score of the first - score) - (the same of the relevances))^2. */
  list_margin_mse: { targets: 'lists', unit: 'row', coupled: true },
  /** Mean over all rows of (score - relevance)^2. */
  list_mse: { targets: 'lists', unit: 'row', coupled: true },
} as const;

export type LossKind = keyof typeof LOSSES;

/** Settings of losses. Each loss reads those that name it; the others have no effect on it. */
export interface LossSettings {
  /** cross_entropy, soft_cross_entropy: share of each target that is spread over all classes, 0 to 1. Default: 0. */
  readonly labelSmoothing?: number;
  /**
   * One number from 0 per column. cross_entropy: the sum of the weights of the labels is the divisor. focal, bce: the divisor
   * does not change. Default: all 1.
   */
  readonly classWeights?: Float32Array;
  /** bce: factor on the loss of the share of 1 in a target, per column, from 0. Default: all 1. */
  readonly posWeights?: Float32Array;
  /** focal, sigmoid_focal: 0 to 100. Default: 0. */
  readonly gamma?: number;
  /** sigmoid_focal: weight of targets of 1, 0 to 1; those of 0 have 1 - alpha. Default: both have 1. */
  readonly alpha?: number;
  /** huber: above 0. Default: 1. */
  readonly delta?: number;
  /** smooth_l1: above 0. Default: 1. */
  readonly beta?: number;
  /** kl_divergence, span_kl_divergence, distill_kl_div: above 0. Default: 1. */
  readonly temperature?: number;
  /** lambda: factor on differences of scores, above 0. Default: 1. */
  readonly sigma?: number;
  /** lambda: how pairs are weighted. Default: ndcg_loss2_pp. */
  readonly weighting?: RankWeighting;
  /** lambda: factor on ndcg_loss2 in ndcg_loss2_pp, from 0. Default: 10. */
  readonly mu?: number;
  /** lambda: only pairs with a rank up to k count; 0 (default): all. */
  readonly k?: number;
  /** list_mle: weighs places by 2^(n - place) - 1, divided by the sum. Default: false. */
  readonly byPosition?: boolean;
  /** Losses over lists: the scores are the sigmoids of the output. Default: false. */
  readonly sigmoid?: boolean;
  /** in_batch_negatives: dot products in place of cosines. Default: false. */
  readonly dot?: boolean;
  /** in_batch_negatives: what is compared beside query_to_doc. Default: nothing. */
  readonly directions?: readonly Direction[];
  /** in_batch_negatives: a softmax for each direction, and the mean of their losses, in place of a joint one. Default: false. */
  readonly perDirection?: boolean;
  /** relation, token_relation: needed. */
  readonly relation?: RelationColumns;
  /** pair_cross_entropy: needed. */
  readonly classifier?: PairClassifier;
}

/** Names of weights that `parameter` nodes of the program read. */
export interface PairClassifier {
  /** [classes, 3 * width], with `product` [classes, 4 * width]. */
  readonly weight: string;
  /** [1, classes]. */
  readonly bias: string;
  /** Its inputs have u * v, number by number, at the end. */
  readonly product: boolean;
}

/**
 * The columns of an output over tokens whose relations are compared: A is columns [first, first + columns), B begins at
 * `second`; both are cut into `heads` heads, and a head's relation is softmax(A B^T / sqrt(width of a head)) over the tokens of
 * a text. With first = second the targets are the teacher's A, [rows, targetColumns]; else they are all rows of its A and then
 * all rows of its B.
 */
export interface RelationColumns {
  readonly heads: number;
  readonly first: number;
  readonly second: number;
  readonly columns: number;
  readonly targetColumns: number;
}

/** How LambdaLoss weighs pairs of texts (Wang et al. 2018). */
export const RANK_WEIGHTINGS = [
  'none',
  'ndcg_loss1',
  'ndcg_loss2',
  'lambda_rank',
  'ndcg_loss2_pp',
] as const;
export type RankWeighting = (typeof RANK_WEIGHTINGS)[number];

/** Similarities in the softmax of in_batch_negatives: anchors are queries, candidates are docs. */
export const DIRECTIONS = ['query_to_doc', 'query_to_query', 'doc_to_query', 'doc_to_doc'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** cosine is 1 - cos; manhattan is the sum of absolute differences. */
export const DISTANCES = ['cosine', 'euclidean', 'manhattan'] as const;

/** The distances that losses measure with. */
export type DistanceName = (typeof DISTANCES)[number];

/** One term of the weighted sum of losses that a step minimises. */
export interface LossTerm {
  readonly kind: LossKind;
  /** Name of an output of the graph. Several terms may use the same one. */
  readonly output: string;
  readonly weight: number;
  readonly targets: Int32Array | Float32Array;
  /** Targets `lists` only: the numbers of rows of the lists, each at least 1. */
  readonly lists?: Int32Array;
  /** Factor on the similarities in coupled losses, on the scores in first_of_list, above 0 and at most 300. Default: 20. */
  readonly scale?: number;
  readonly settings?: LossSettings;
  /** Of contrastive, online_contrastive and batch_hard_triplet. Default: 0.5. */
  readonly margin?: number;
  /** Of contrastive, online_contrastive, triplet and batch_hard_triplet. Default: cosine. */
  readonly distance?: DistanceName;
  /** Coupled losses only: the loss is over the first numbers of each row, scaled to length 1. Left out: over whole rows. */
  readonly dimensions?: number;
}

/** A row of the native core's table of losses; a test compares them with LOSSES. */
export interface LossDescription {
  readonly name: string;
  readonly targets: string;
  readonly unit: string;
  readonly coupled: boolean;
}
