// What ops see while a program is built: names become numbers, shapes are checked. Errors are
// INTERNAL, because the TypeScript side validated the graph; they name the node and both shapes all
// the same.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "program/graph_spec.h"
#include "program/op.h"
#include "program/weights.h"

namespace sinter {

class Builder {
 public:
  Builder(const GraphSpec& graph, Weights& weights) : graph_(graph), weights_(weights) {}

  // The number of an earlier value; `kind` is what the op can read.
  int input(const std::string& op, const std::string& name, ValueKind kind) const;
  int input(const std::string& op, const std::string& name) const;
  // An earlier value with the rows and the width of `other`.
  int input_like(const std::string& op, const std::string& name, const ValueInfo& other) const;
  int define(const std::string& name, ValueKind kind, int64_t width);
  // With the rows of `other`, and its width unless another is given.
  int define(const std::string& name, const ValueInfo& other, int64_t width = 0);
  int define_table(const std::string& name, int64_t rows, int64_t width);
  // A value that only backward reads, with the rows of `other`.
  int define_hidden(const ValueInfo& other, int64_t width);
  // A group of weights with the given width and, unless rows < 0, rows. An s8 matrix is packed for
  // codes of `activation_bits`.
  int group(const std::string& op, const std::vector<std::string>& names, PackUse use, int64_t rows,
            int64_t width, int activation_bits = 8);
  // A group of f32 vectors (biases, norm parameters) of `length` elements together.
  int vector(const std::string& op, const std::vector<std::string>& names, int64_t length);
  // The op reads the batch's features; all that do agree on their width.
  void read_features(const std::string& op, int64_t width);
  // The frozen matrix of an op passes gradients on to its input.
  void pass_gradients(int group) { weights_.pass_gradients(group); }
  [[noreturn]] void fail(const std::string& op, const std::string& what) const;

  const ValueInfo& value(int id) const { return values_[static_cast<size_t>(id)]; }
  const std::vector<ValueInfo>& values() const { return values_; }
  const GraphSpec& graph() const { return graph_; }
  const Weights& weights() const { return weights_; }
  // 0: no op reads features.
  int64_t feature_width() const { return feature_width_; }
  // Some weight of the program is trained.
  bool trainable() const { return weights_.trainable(); }
  // Some trained weight stands before the value, so that backward computes its gradient.
  bool needs_grad(int value) const { return needs_grad_[static_cast<size_t>(value)] != 0; }
  // Backward passes through an op that reads these.
  bool passes_backward(const std::vector<int>& inputs, const std::vector<int>& groups) const;
  // Called with every op, in order: its outputs need gradients when backward passes through it.
  void note(const Op& op);
  const std::vector<uint8_t>& value_needs_grad() const { return needs_grad_; }

 private:
  int add(ValueInfo info);
  void check_size(const ValueInfo& info) const;

  const GraphSpec& graph_;
  Weights& weights_;
  std::vector<ValueInfo> values_;
  std::vector<uint8_t> needs_grad_;  // as many as values_
  std::unordered_map<std::string, int> names_;
  int64_t feature_width_ = 0;
};

}  // namespace sinter
