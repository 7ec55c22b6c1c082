// The loss terms of a step over one batch: their divisors, the gradients that they write into the
// outputs, and the sum of their losses. The gradients of terms on one output add up.
#pragma once

#include <cstdint>
#include <vector>

#include "train/losses/loss.h"

namespace sinter {

class BatchTerms {
 public:
  // Borrows the terms.
  BatchTerms(const std::vector<LossTerm>& terms, const Program& program, const WholeBatch& batch);

  // The value that each term's output names.
  const std::vector<int>& outputs() const { return outputs_; }
  // The groups of weights that losses read themselves, and add the gradients of.
  const std::vector<int>& weight_groups() const { return weight_groups_; }
  // Whether some term needs its whole output before any gradient: then keep() every slice, and
  // couple().
  bool coupled() const { return coupled_; }
  // Forward has run.
  void keep(Run& run);
  // Computes the losses and gradients of the coupled terms, with the lanes and scratch of any
  // `run`.
  void couple(Run& run);
  // Fills the gradients of the outputs for a slice. Call it after the slice's forward.
  void backward(Run& run);

  // The losses of the slices so far, per term, without the terms' weights.
  const std::vector<double>& losses() const { return losses_; }
  // The weighted sum.
  double loss() const;

 private:
  // The numbers of a term that its function needs.
  struct Whole {
    int64_t rows = 0, width = 0, count = 0, ends_count = 0;
    std::vector<float> output, gradient;  // of the whole batch, for coupled terms only
  };
  const LossRow& row(size_t term) const;
  // Computes a coupled term over the first `dimensions` numbers of its rows, scaled to length 1.
  double couple_part(Run& run, size_t term);
  bool is_coupled(size_t term) const { return row(term).coupling == Coupling::coupled; }
  void fill(Run& run, size_t term, float* dx);

  const std::vector<LossTerm>& terms_;
  std::vector<int> outputs_, weight_groups_;
  std::vector<Whole> wholes_;
  std::vector<double> losses_;
  bool coupled_ = false;
  AlignedBuffer<float> second_;  // gradient of a further term on one output
};

}  // namespace sinter
