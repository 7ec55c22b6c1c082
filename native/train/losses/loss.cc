// The table of losses.
#include "train/losses/loss.h"

namespace sinter {

const std::vector<LossRow>& loss_table() {
  static const std::vector<LossRow> rows = {
#define SINTER_LOSS(name, targets, unit, coupling) \
  {#name, TargetKind::targets, LossUnit::unit, Coupling::coupling, name##_loss},
#include "train/losses.inc"
#undef SINTER_LOSS
  };
  return rows;
}

const char* target_kind_name(TargetKind kind) {
  static constexpr const char* kNames[] = {"classes", "values",  "spans",       "positives",
                                           "scores",  "margins", "groups",      "rankings",
                                           "lists",   "vectors", "pair_classes"};
  return kNames[static_cast<int>(kind)];
}

const char* loss_unit_name(LossUnit unit) {
  static constexpr const char* kNames[] = {"row", "element", "text"};
  return kNames[static_cast<int>(unit)];
}

const std::vector<std::string>& distance_names() {
  static const std::vector<std::string> names = {"cosine", "euclidean", "manhattan"};
  return names;
}

const std::vector<std::string>& weighting_names() {
  static const std::vector<std::string> names = {"none", "ndcg_loss1", "ndcg_loss2", "lambda_rank",
                                                 "ndcg_loss2_pp"};
  return names;
}

const std::vector<std::string>& direction_names() {
  static const std::vector<std::string> names = {"query_to_doc", "query_to_query", "doc_to_query",
                                                 "doc_to_doc"};
  return names;
}

}  // namespace sinter
