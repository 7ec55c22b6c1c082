// What the losses over ranked lists share. The output has one score per text, and the texts of a
// list follow one another; `labels` of the term are the numbers of texts of its lists, `values` the
// relevance of each text.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "train/losses/parts.h"

namespace sinter {

struct RankedList {
  int64_t size;
  const double* scores;     // after the activation of the term's settings
  const float* relevances;  // higher is better
  double* slopes;           // derivatives by the scores, 0 at first
};

// The sum of the losses of a list, and what it adds to the divisor.
struct ListLoss {
  double loss = 0, count = 0;
};

class Lists {
 public:
  explicit Lists(const LossCall& call);

  int64_t count() const { return static_cast<int64_t>(call_.term.labels.size()); }
  RankedList at(int64_t index);
  // Writes dx of the call, and returns the sum of the losses divided by the sum of the counts.
  double finish(const std::vector<ListLoss>& found);

 private:
  const LossCall& call_;
  std::vector<int64_t> firsts_;  // first row of each list
  std::vector<double> scores_, slopes_;
};

// The mean of one(list), which returns a ListLoss and fills the list's slopes. Lists are split
// among the lanes; their losses are summed in order, so the number of lanes changes no bit.
template <typename One>
double mean_over_lists(const LossCall& call, const One& one) {
  constexpr int64_t kCost = 64;  // of a pair of texts, in units of an addition
  Lists lists(call);
  const int64_t count = lists.count();
  std::vector<ListLoss> found(static_cast<size_t>(count));
  const int64_t length = count == 0 ? 0 : call.rows / count;
  call.run.parallel_ranges(count, 1, kCost * length * length, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) found[static_cast<size_t>(i)] = one(lists.at(i));
  });
  return lists.finish(found);
}

// The indices of a list from the highest to the lowest of `keys`; equal ones keep their order.
template <typename Key>
std::vector<int64_t> by_falling(int64_t size, const Key* keys) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t i, int64_t j) { return keys[i] > keys[j]; });
  return order;
}

}  // namespace sinter
