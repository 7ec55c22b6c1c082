// The lists of a call, with the activation in front of the losses.
#include "train/losses/lists.h"

namespace sinter {

Lists::Lists(const LossCall& call)
    : call_(call),
      scores_(static_cast<size_t>(call.rows)),
      slopes_(static_cast<size_t>(call.rows), 0.0) {
  int64_t first = 0;
  for (const int32_t size : call.term.labels) {
    firsts_.push_back(first);
    first += size;
  }
  const bool sigmoid = call.term.settings.sigmoid;
  for (int64_t i = 0; i < call.rows; ++i) {
    const double x = call.x[i];
    scores_[static_cast<size_t>(i)] = sigmoid ? sigmoid_of(x) : x;
  }
}

RankedList Lists::at(int64_t index) {
  const size_t i = static_cast<size_t>(index);
  const size_t first = static_cast<size_t>(firsts_[i]);
  return {call_.term.labels[i], scores_.data() + first, call_.term.values.data() + first,
          slopes_.data() + first};
}

double Lists::finish(const std::vector<ListLoss>& found) {
  double loss = 0, count = 0;
  for (const ListLoss& one : found) {
    loss += one.loss;
    count += one.count;
  }
  const double share = count > 0 ? 1 / count : 0;
  const double factor = call_.term.weight * share;
  for (int64_t i = 0; i < call_.rows; ++i) {
    const size_t at = static_cast<size_t>(i);
    const double score = scores_[at];
    const double slope = call_.term.settings.sigmoid ? score * (1 - score) : 1;
    call_.dx[i] = static_cast<float>(factor * slopes_[at] * slope);
  }
  return share * loss;
}

}  // namespace sinter
