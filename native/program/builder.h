// The interface of ops to the program under construction: names become numbers of values, and
// shapes are checked. TypeScript has validated the graph, so errors are INTERNAL; they name the
// node and both shapes all the same.
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

  // The number of an earlier value, which must have rows of `kind` where a kind is given.
  int input(const std::string& op, const std::string& name, ValueKind kind) const;
  int input(const std::string& op, const std::string& name) const;
  // The number of an earlier value, which must have the rows and the width of `other`.
  int input_like(const std::string& op, const std::string& name, const ValueInfo& other) const;
  int define(const std::string& name, ValueKind kind, int64_t width);
  // Defines a value with the rows of `other`, and with its width unless another one is given.
  int define(const std::string& name, const ValueInfo& other, int64_t width = 0);
  int define_table(const std::string& name, int64_t rows, int64_t width);
  // Defines a value with the rows of `other` that only backward reads.
  int define_hidden(const ValueInfo& other, int64_t width);
  // The number of a group of weights; it must have this width and, unless rows < 0, these rows.
  // `activation_bits` is the width of the codes that the product of a quantized matrix reads.
  int group(const std::string& op, const std::vector<std::string>& names, PackUse use, int64_t rows,
            int64_t width, int activation_bits = 8);
  // The number of a group of f32 vectors (biases, norm parameters) with `length` elements in all.
  int vector(const std::string& op, const std::vector<std::string>& names, int64_t length);
  // Notes that the op reads the batch's features. All ops that read them must agree on the width.
  void read_features(const std::string& op, int64_t width);
  // Lets the product of a frozen matrix pass gradients on to its input.
  void pass_gradients(int group) { weights_.pass_gradients(group); }
  [[noreturn]] void fail(const std::string& op, const std::string& what) const;

  const ValueInfo& value(int id) const { return values_[static_cast<size_t>(id)]; }
  const std::vector<ValueInfo>& values() const { return values_; }
  const GraphSpec& graph() const { return graph_; }
  const Weights& weights() const { return weights_; }
  // 0 when no op reads features.
  int64_t feature_width() const { return feature_width_; }
  // Whether some weight of the program is trained.
  bool trainable() const { return weights_.trainable(); }
  // Whether the value depends on a trained weight, so that backward computes its gradient.
  bool needs_grad(int value) const { return needs_grad_[static_cast<size_t>(value)] != 0; }
  // Whether backward passes through an op with these inputs and weights.
  bool passes_backward(const std::vector<int>& inputs, const std::vector<int>& groups) const;
  // Called for every op, in order: marks its outputs when backward passes through it.
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
