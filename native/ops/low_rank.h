// The low-rank adapters of a linear op (Hu et al. 2021): scale * (x A^T) B^T is added to the
// columns of one stacked weight. All A of an op are one product; x A^T, times the scales, is kept
// for backward. The frozen product beside them is not touched, so programs with other adapters
// share its weights.
#pragma once

#include <vector>

#include "program/builder.h"
#include "program/node.h"
#include "program/run.h"

namespace sinter {

class LowRank {
 public:
  LowRank() = default;
  // Without the field `adapters` there are none. `weight` is the stacked matrix, `input` its input.
  LowRank(const Node& node, Builder& builder, const Pack& weight, int input);

  bool empty() const { return terms_.empty(); }
  // The value that A multiplies: the input of the op, or that input after dropout.
  int input() const { return input_; }
  const std::vector<int>& groups() const { return groups_; }
  // Defines the value that keeps x A^T. Call it after the output of the op is defined.
  int define(Builder& builder);

  // Adds the adapters to y [rows, width].
  void forward(Run& run, float* y, int64_t width) const;
  // Adds to the gradients of A, B and the input, given dy [rows, width].
  void backward(Run& run, float* dy, int64_t width) const;

 private:
  struct Term {
    int b;                  // group
    int64_t rank, first;    // its columns of x A^T
    int64_t column, width;  // its columns of y
    float scale;
  };
  void scale_terms(Run& run, float* low) const;

  int input_ = -1, a_ = -1, low_ = -1;
  int64_t rank_ = 0;  // of all terms together
  std::vector<Term> terms_;
  std::vector<int> groups_;
};

}  // namespace sinter
