// Sums the gradients of a program's weights over slices and batches, and marks which of them exist:
// groups that a loss reaches, and rows of token tables that a batch touches. Only those are
// cleared, measured and applied.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "program/program.h"

namespace sinter {

class GradientSums {
 public:
  explicit GradientSums(const Program& program);

  void clear(Team& team);
  // Marks what a pass over `batch` that runs the ops of `needed` will add to. Call it before the
  // pass.
  void expect(const WholeBatch& batch, const std::vector<uint8_t>& needed);
  // Marks a group that a loss adds to, beside those of the ops.
  void expect(int group) {
    if (program_.weights().at(group).trained) reached_[static_cast<size_t>(group)] = 1;
  }
  // Global 2-norm, summed in chunks that depend on the shapes alone.
  double norm(Team& team) const;
  // Limits every number to [-limit, limit].
  void clamp(Team& team, float limit);

  WeightGradients& all() { return gradients_; }
  const float* of(int group) const { return gradients_.groups[static_cast<size_t>(group)].data(); }
  bool reached(int group) const { return reached_[static_cast<size_t>(group)] != 0; }
  // Whether only embeddings by token read the group: then its gradient is 0 outside the rows of the
  // batch's tokens.
  bool is_table(int group) const { return tables_[static_cast<size_t>(group)] != 0; }
  // The rows of the tables that have a gradient, in increasing order.
  const std::vector<int32_t>& touched() const { return touched_; }

 private:
  // A range of a group: of elements, or of rows for a table.
  struct Chunk {
    int group;
    int64_t begin, end;
  };
  void find_tables();
  std::vector<Chunk> chunks() const;
  // Calls body(begin, end) for the ranges of elements in a chunk that have a gradient.
  template <typename Body>
  void each_range(const Chunk& chunk, const Body& body) const;

  const Program& program_;
  WeightGradients gradients_;
  std::vector<uint8_t> tables_, reached_;
  std::vector<int32_t> touched_;
};

}  // namespace sinter
