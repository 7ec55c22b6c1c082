// A loss: one function over the rows of an output, and its row in losses.inc. A batch may go
// through the network in slices, so the divisor of a loss is counted over the whole batch first;
// then the gradients of the slices add up to that of the batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program/forward.h"

namespace sinter {

// The kinds of targets of a term; they are one array for the whole batch.
enum class TargetKind : int {
  classes,      // int32 [rows of the output], below its width; -1: the row does not count
  values,       // float [rows, width of the output]
  spans,        // int32 [texts, 2]: start and end, tokens inside the text; -1: no label
  positives,    // int32 [anchors], below the rows after the anchors; -1: the anchor does not count
  scores,       // float [pairs]; the output has two rows for each
  margins,      // float [examples, negatives]; the output has 2 + negatives rows for each
  groups,       // int32 [rows of the output]: the class of each row
  rankings,     // float [examples, 1 + negatives]; the output has 2 + negatives rows for each
  lists,        // float [rows of the output], of width 1: the relevance of each text of a list
  vectors,      // float [1 or 2, rows of the output, target_columns of Relation]
  pair_classes  // int32 [pairs], below the classes of Classifier; the output has two rows for each
};

enum class LossUnit : int { row, element, text };
enum class Coupling : int { split, coupled };
enum class Distance : int { cosine, euclidean, manhattan };
enum class RankWeighting : int { none, ndcg_loss1, ndcg_loss2, lambda_rank, ndcg_loss2_pp };

// What in_batch_negatives compares, as bits: query_to_doc anchors with candidates, query_to_query
// anchors with each other, doc_to_query positives with anchors, doc_to_doc positives with
// candidates.
enum Direction : int { query_to_doc = 1, query_to_query = 2, doc_to_query = 4, doc_to_doc = 8 };

// The columns of a token value whose relations are compared: A is columns [first, first + columns),
// B begins at `second`; both are cut into `heads` heads. With first == second the targets are one
// block, A and B at once; else they are all rows of A and then all rows of B.
struct Relation {
  int64_t heads = 0, first = 0, second = 0, columns = 0;
  int64_t target_columns = 0;  // of the teacher's A, and of its B
};

// The names of the weights of a classifier that a loss computes itself: [classes, inputs] and
// [1, classes]. Its inputs are [u; v; |u - v|], with `product` and u v.
struct Classifier {
  std::string weight, bias;
  bool product = false;
};

// Settings of losses; each loss reads its own and ignores the others.
struct LossSettings {
  double label_smoothing = 0;  // cross_entropy, soft_cross_entropy: 0 to 1
  double gamma = 0;            // focal, sigmoid_focal: 0 or more
  double alpha = -1;           // sigmoid_focal: 0 to 1, or -1 for none
  double delta = 1;            // huber: above 0
  double beta = 1;             // smooth_l1: above 0
  double temperature = 1;      // the losses with divergence or kl in their names: above 0
  double sigma = 1;            // lambda: above 0
  double mu = 10;              // lambda with ndcg_loss2_pp: 0 or more
  double k = 0;                // lambda: a whole number of ranks, or 0 for all
  RankWeighting weighting = RankWeighting::ndcg_loss2_pp;  // lambda
  bool by_position = false;                                // list_mle
  bool sigmoid = false;           // losses over lists: scores go through a sigmoid first
  bool dot = false;               // in_batch_negatives: dot products in place of cosines
  int directions = query_to_doc;  // in_batch_negatives: bits of Direction, the first always
  bool per_direction = false;     // in_batch_negatives: a softmax for each of them
  // One number from 0 per column of the output, or none. cross_entropy, focal and bce read the
  // first, bce alone the second.
  std::vector<float> class_weights, pos_weights;
  Relation relation;      // relation, token_relation
  Classifier classifier;  // pair_cross_entropy
};

// One term of the sum that a step minimises.
struct LossTerm {
  int loss = 0;  // index in loss_table()
  std::string output = "logits";
  double weight = 1;
  double scale = 20;    // factor of the cosines in coupled losses
  double margin = 0.5;  // of distances
  Distance distance = Distance::cosine;
  int64_t dimensions = 0;       // a coupled loss is over the first ones, scaled to length 1; 0: all
  std::vector<int32_t> labels;  // targets, as integers or as floats; for lists their lengths
  std::vector<float> values;
  LossSettings settings;
};

// The rows of an output whose loss is to be computed, with all inputs of the loss.
struct LossCall {
  Run& run;  // lanes, kernels and scratch; for a split loss the slice that has run
  const LossTerm& term;
  int64_t rows = 0, width = 0;
  int64_t first_row = 0;  // of the whole batch
  const float* x = nullptr;
  float* dx = nullptr;  // is overwritten by the gradient times the term's weight
  // The divisor of the loss: its labelled rows, its rows of numbers, or its elements; 0 when there
  // are none. Spans count labels of starts and of ends.
  int64_t count = 0, ends_count = 0;
};

// Returns the share of these rows in the loss, without the term's weight.
using LossFunction = double (*)(const LossCall& call);

struct LossRow {
  const char* name;
  TargetKind targets;
  LossUnit unit;
  Coupling coupling;
  LossFunction compute;
};

const std::vector<LossRow>& loss_table();
const char* target_kind_name(TargetKind kind);
const char* loss_unit_name(LossUnit unit);
// The names of Distance, in its order.
const std::vector<std::string>& distance_names();
// The names of RankWeighting, in its order.
const std::vector<std::string>& weighting_names();
// The names of Direction, the lowest bit first.
const std::vector<std::string>& direction_names();

#define SINTER_LOSS(name, targets, unit, coupling) double name##_loss(const LossCall& call);
#include "train/losses.inc"
#undef SINTER_LOSS

}  // namespace sinter
