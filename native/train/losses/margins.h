// The rows of losses over anchors, positives and negatives: all anchors, all positives, then one
// block of rows per negative.
#pragma once

#include "train/losses/loss.h"

namespace sinter {

struct MarginRows {
  explicit MarginRows(const LossCall& from)
      : call(from),
        examples((from.rows - static_cast<int64_t>(from.term.values.size())) / 2),
        negatives(examples == 0 ? 0 : static_cast<int64_t>(from.term.values.size()) / examples) {}

  int64_t positive(int64_t i) const { return examples + i; }
  int64_t negative(int64_t i, int64_t n) const { return (2 + n) * examples + i; }
  size_t at(int64_t i, int64_t n) const { return static_cast<size_t>(i * negatives + n); }
  double target(int64_t i, int64_t n) const { return call.term.values[at(i, n)]; }
  // The term's weight divided by the number of margins.
  double share() const {
    const size_t count = call.term.values.size();
    return count == 0 ? 0 : call.term.weight / static_cast<double>(count);
  }

  const LossCall& call;
  const int64_t examples, negatives;
};

}  // namespace sinter
