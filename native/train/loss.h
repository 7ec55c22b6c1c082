// The losses of a training step. A batch may go through the network in slices, so what a loss is
// divided by is counted over the whole batch first; the gradients of the slices then add up to that
// of the batch.
#pragma once

#include <cstdint>
#include <string>

#include "program/forward.h"

namespace sinter {

enum class LossKind : int { external, cross_entropy, binary_cross_entropy, squared_error, span };

// Borrowed for the step. Rows are those of the output in the whole batch.
struct StepLoss {
  LossKind kind = LossKind::external;
  std::string output = "logits";
  const int32_t* labels = nullptr;  // cross_entropy: one per row; span: starts; -1 is ignored
  const int32_t* ends = nullptr;    // span: tokens inside their sequence, like the starts
  const float* values = nullptr;    // targets [rows, width]; external: the gradient itself
};

class BatchLoss {
 public:
  BatchLoss(const StepLoss& loss, const Program& program, const WholeBatch& batch);

  // Fills the gradient of the output for the slice that has run; returns the slice's share of the
  // loss (0 for an external one).
  double backward(Run& run) const;

 private:
  double cross_entropy(Run& run) const;
  double elements(Run& run) const;
  double span(Run& run) const;
  void external(Run& run) const;

  StepLoss loss_;
  int output_;
  // What the sums are divided by: labelled rows, elements, or sequences with a start and with an
  // end. 0: there is nothing to learn from.
  int64_t count_ = 0, ends_count_ = 0;
};

}  // namespace sinter
