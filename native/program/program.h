// A program: a checked and planned graph with its weights, ready to run. After seal only a trainer
// changes it.
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

// The destination of a requested output: [rows, width] of the whole batch.
struct OutputTarget {
  int value = -1;
  float* data = nullptr;
};

// Makes the op of a node. The factory is in ops/, a layer that this one does not see.
using OpFactory = std::unique_ptr<Op> (*)(const NodeSpec& node, Builder& builder);

class Program {
 public:
  // Builds a program over the weights of `store` that the graph names. The program gets copies of
  // those in `trained`, which an optimizer changes.
  Program(GraphSpec graph, std::shared_ptr<WeightStore> store, const Trained& trained,
          OpFactory factory);

  // The value behind an output name; Error(INTERNAL) when the graph has no such output.
  int output(const std::string& name) const;
  const ValueInfo& value(int id) const { return values_[static_cast<size_t>(id)]; }
  const GraphSpec& graph() const { return graph_; }
  Weights& weights() { return weights_; }
  const Weights& weights() const { return weights_; }

  // Seals the weights, and computes the tables once when no training will change the weights. Call
  // it before any run.
  void seal(Team& team, const Cancel& cancel);
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  // Bytes of the weights and tables, shared blocks included.
  int64_t resident_bytes() const;
  // The tables that seal computed; nullptr when every run computes them.
  float* tables() const { return reinterpret_cast<float*>(tables_.get()); }

  // Marks the ops that must run to compute these values.
  std::vector<uint8_t> needed_ops(const std::vector<int>& values) const;
  // Removes the selected tokens from the batch when no needed op has a row per selected token. Then
  // no memory is reserved for such values, which may be as wide as a vocabulary.
  WholeBatch without_unused(WholeBatch batch, const std::vector<uint8_t>& needed) const;

  // Runs the ops marked in `needed`, in order. After each op its requested outputs are copied to
  // their targets.
  void forward(Run& run, const std::vector<uint8_t>& needed,
               const std::vector<OutputTarget>& targets, const Cancel& cancel) const;
  // Runs the backward of the marked ops in reverse order. The caller has filled the gradients of
  // the outputs that losses read.
  void backward(Run& run, const std::vector<uint8_t>& needed, const Cancel& cancel) const;

  const std::vector<ValueInfo>& values() const { return values_; }
  const std::vector<std::unique_ptr<Op>>& ops() const { return ops_; }
  // Marks the values that depend on a trained weight; the others need no gradient.
  const std::vector<uint8_t>& value_needs_grad() const { return needs_grad_; }
  const MemoryPlan& plan() const { return plan_; }
  // Floats per sequence that ops read as features; 0 when none does.
  int64_t feature_width() const { return feature_width_; }

 private:
  bool makes_table(const Op& op) const { return value(op.outputs()[0]).kind == ValueKind::table; }
  void compute_tables(Team& team, const Cancel& cancel);
  // Tables that are read by an op whose own output depends on the batch.
  std::vector<int> tables_read() const;
  // Values that backward or the caller of a training pass reads after forward.
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
