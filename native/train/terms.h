// The terms of a step over one batch: what their losses are divided by, the gradients they leave
// in the outputs, and the sum of their losses. Terms on one output add up.
#pragma once

#include <cstdint>
#include <vector>

#include "train/losses/loss.h"

namespace sinter {

class BatchTerms {
 public:
  // Borrows the terms.
  BatchTerms(const std::vector<LossTerm>& terms, const Program& program, const WholeBatch& batch);

  // The values behind the outputs, one for each term.
  const std::vector<int>& outputs() const { return outputs_; }
  // Some term needs its whole output before any gradient: keep() every slice, then couple().
  bool coupled() const { return coupled_; }
  // Forward has run.
  void keep(Run& run);
  // Computes loss and gradient of the coupled terms; `run` is any, for its lanes and scratch.
  void couple(Run& run);
  // Forward has run: fills the gradients of the outputs for the slice.
  void backward(Run& run);

  // Of the slices so far, without the terms' weights.
  const std::vector<double>& losses() const { return losses_; }
  // The weighted sum.
  double loss() const;

 private:
  // What a term needs beside its function.
  struct Whole {
    int64_t rows = 0, width = 0, count = 0, ends_count = 0;
    std::vector<float> output, gradient;  // of the whole batch, coupled terms only
  };
  const LossRow& row(size_t term) const;
  bool is_coupled(size_t term) const { return row(term).coupling == Coupling::coupled; }
  void fill(Run& run, size_t term, float* dx);

  const std::vector<LossTerm>& terms_;
  std::vector<int> outputs_;
  std::vector<Whole> wholes_;
  std::vector<double> losses_;
  bool coupled_ = false;
  AlignedBuffer<float> second_;  // gradient of a term whose output another one has filled
};

}  // namespace sinter
