// The positions of an attention op: rotation, window, and the terms of the distance with their
// gradients. Scratch holds the terms of one head by distance: element t belongs to all pairs with
// key - query = t - center.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/attention/attention.h"
#include "ops/relative_position.h"
#include "ops/rotary_table.h"
#include "program/builder.h"
#include "program/node.h"
#include "program/run.h"

namespace sinter {

struct HeadSizes {
  int64_t heads, head_dim;
  float scale;  // of the scores
};

class AttentionPositions {
 public:
  // Checks the node, and appends the table values and the group that it reads.
  AttentionPositions(const Node& node, const HeadSizes& heads, Builder& builder,
                     std::vector<int>& inputs, std::vector<int>& groups);

  bool rotary() const { return rotary_ != nullptr; }
  // Whether some terms are learned and so have gradients.
  bool learned() const { return bias_.has_value() || rows_.has_value(); }
  // Whether a text of this length runs on the relative kernels. Backward uses them for longer texts
  // even without terms: the plain kernel keeps two matrices of length x length, the relative one a
  // block of rows.
  bool relative(int64_t length, bool backward) const {
    return learned() || window_ < length - 1 || (backward && length > kLongestPlain);
  }

  // Floats of scratch that the kernels need for texts up to `longest` tokens.
  int64_t kernel_floats(const AttentionKernels& kernels, int64_t longest, bool backward) const;

  std::shared_ptr<const RotaryTable> rotary_table(int64_t length) const {
    return rotary_ == nullptr ? nullptr : rotary_->up_to(length);
  }
  // The rotation of a head in a text of `length` tokens.
  Rotation rotation(const RotaryTable& table, int64_t length, bool backward) const;

  // Floats of scratch that terms() needs for texts up to `longest` tokens.
  int64_t term_floats(int64_t longest, bool backward) const;
  // The terms of a head, laid out in `scratch`, for texts up to `longest` tokens.
  RelativeTerms terms(Run& run, int64_t longest, int64_t head, bool backward, float* scratch) const;

  // Floats for the gradients of the terms of one head, and the places of these gradients in memory
  // at `at`. The caller fills the memory with 0.
  int64_t gradient_floats(int64_t longest) const;
  RelativeGradients gradients(int64_t longest, float* at) const;
  // Adds the gradients of the terms of `head` to those of the weight and the table values.
  void fold(Run& run, int64_t longest, int64_t head, const RelativeGradients& gradients) const;

 private:
  static constexpr int64_t kLongestPlain = 512;  // as fast there; 2.9 times slower at 2048

  void read_rotary(const Node& node, const Builder& builder);
  void read_bias(const Node& node, Builder& builder, std::vector<int>& groups);
  void read_disentangled(const Node& node, const Builder& builder, std::vector<int>& inputs);
  void expand(Run& run, int value, int64_t longest, int64_t head, float* rows, float* stage,
              float* panels) const;
  void fold_rows(Run& run, int value, int64_t longest, int64_t head, const float* from) const;

  int64_t heads_, head_dim_, window_;
  float scale_;
  int64_t dimensions_ = 0;
  std::shared_ptr<RotaryTables> rotary_;
  std::optional<T5Buckets> bias_;
  int bias_group_ = -1;
  std::optional<DisentangledRows> rows_;
  int keys_ = -1, queries_ = -1;  // numbers of values; -1: no such term
};

}  // namespace sinter
