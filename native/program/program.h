// A graph, checked and planned, with its weights: what runs. Immutable after seal but for a
// trainer's updates.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/team.h"
#include "program/batch.h"
#include "program/builder.h"
#include "program/memory_plan.h"
#include "program/op.h"
#include "program/run.h"
#include "program/weights.h"

namespace sinter {

// Where a requested output is written: [rows, width] of the whole batch.
struct OutputTarget {
  int value = -1;
  float* data = nullptr;
};

// Makes the op of a node; in ops/, which this layer does not see.
using OpFactory = std::unique_ptr<Op> (*)(const NodeSpec& node, Builder& builder);

class Program {
 public:
  // Over the weights of `store` that the graph names. An optimizer changes those of `trained`, so
  // the program has its own.
  Program(GraphSpec graph, std::shared_ptr<WeightStore> store, const Trained& trained,
          OpFactory factory);

  // The value behind an output name; Error(INTERNAL) when the graph has no such output.
  int output(const std::string& name) const;
  const ValueInfo& value(int id) const { return values_[static_cast<size_t>(id)]; }
  const GraphSpec& graph() const { return graph_; }
  Weights& weights() { return weights_; }
  const Weights& weights() const { return weights_; }

  // Seals the weights, and computes the tables once and for all when no training will change them.
  // Before it nothing runs.
  void seal(Team& team, const Cancel& cancel);
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  // Of the weights and of the tables, shared blocks included.
  int64_t resident_bytes() const;
  // Where the tables lie that were computed by seal; nullptr: every run computes them.
  float* tables() const { return reinterpret_cast<float*>(tables_.get()); }

  // Which ops have to run for these values.
  std::vector<uint8_t> needed_ops(const std::vector<int>& values) const;
  // The batch without its selected tokens when none of the needed ops has them: then no memory is
  // set aside for their values, which may be as wide as a vocabulary.
  WholeBatch without_unused(WholeBatch batch, const std::vector<uint8_t>& needed) const;

  // The ops marked in `needed`, in order; after each one its requested outputs are copied to their
  // place.
  void forward(Run& run, const std::vector<uint8_t>& needed,
               const std::vector<OutputTarget>& targets, const Cancel& cancel) const;
  // The marked ops in reverse order. The caller has filled the gradients of the losses'
  // values.
  void backward(Run& run, const std::vector<uint8_t>& needed, const Cancel& cancel) const;

  const std::vector<ValueInfo>& values() const { return values_; }
  const std::vector<std::unique_ptr<Op>>& ops() const { return ops_; }
  // Values that some trained weight stands before: the others need no gradient.
  const std::vector<uint8_t>& value_needs_grad() const { return needs_grad_; }
  const MemoryPlan& plan() const { return plan_; }
  // Of a batch; 0: no op reads features.
  int64_t feature_width() const { return feature_width_; }

 private:
  bool makes_table(const Op& op) const { return value(op.outputs()[0]).kind == ValueKind::table; }
  void compute_tables(Team& team, const Cancel& cancel);
  // Tables that an op with rows of the batch reads.
  std::vector<int> tables_read() const;
  // Values that backward or the caller of a training pass reads once forward is over.
  std::vector<int> read_after_forward() const;

  GraphSpec graph_;
  Weights weights_;
  std::vector<ValueInfo> values_;
  std::vector<std::unique_ptr<Op>> ops_;
  MemoryPlan plan_;
  std::vector<uint8_t> needs_grad_;
  std::vector<std::pair<std::string, int>> outputs_;
  int64_t feature_width_ = 0;
  WeightBlock tables_;
  std::atomic<bool> sealed_{false};
};

}  // namespace sinter
