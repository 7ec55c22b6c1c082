// The pieces of a training step over one trainable program: accumulate gradients, clip them, apply
// them. All lanes share every operation, and sums run in one fixed order, so a run's numbers do not
// depend on the number of lanes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "program/engine.h"
#include "train/optimizer_state.h"
#include "train/terms.h"

namespace sinter {

// Tokens that go through the network together. Larger batches are cut (activations of a slice are
// all kept).
inline constexpr int64_t kSliceTokens = 4096;

struct PassSettings {
  bool dropout = false;
  uint64_t dropout_key = 0;
  int64_t slice_tokens = kSliceTokens;
  int64_t number = 0;  // of the pass, counted from 1 as they are asked for
};

struct PassResult {
  double loss = 0;             // weighted sum of the terms
  std::vector<double> losses;  // of each term, without its weight
};

class Trainer {
 public:
  Trainer(std::shared_ptr<Program> program, const OptimizerSettings& settings,
          const std::vector<ParameterGroup>& groups);

  // Adds the gradients of the terms to those since the last apply. When a pass fails, or never ran,
  // all of them are dropped.
  PassResult accumulate(Engine& engine, const WholeBatch& batch, const std::vector<LossTerm>& terms,
                        const PassSettings& settings, const Cancel& cancel);
  // The global 2-norm of the gradients; apply multiplies them so that it is at most `max_norm`. 0:
  // no clipping.
  // `pass` is the number of the last pass that was asked for: Error(INTERNAL) unless it went well.
  double clip(Engine& engine, int64_t pass, double max_norm);
  // One step of the optimizer, which uses the gradients up. Error(INTERNAL) without them, as above.
  void apply(Engine& engine, int64_t pass, double learning_rate, const Cancel& cancel);
  // The gradients are not applied; the next accumulate begins anew.
  void clear() { summed_ = false; }
  // The gradient of a weight before clipping, in its own shape; apply and clear leave it until the
  // next accumulate.
  void read_gradient(const std::string& name, float* values) const;

  OptimizerState& state() { return state_; }
  const std::shared_ptr<Program>& program() const { return program_; }

 private:
  // What a pass runs: fixed for all of its slices.
  struct Pass {
    const WholeBatch& whole;
    const PassSettings& settings;
    const Cancel& cancel;
    std::vector<uint8_t> needed;  // ops
    GradientPlan plan;
  };
  // Error(INTERNAL) unless there are the gradients of all passes up to this one.
  void check_summed(int64_t pass) const;
  void plan_gradients_of(Pass& pass, const std::vector<int>& outputs) const;
  // Selected tokens of a slice, at most.
  int64_t most_selected(const GradientPlan& plan) const;
  void run_slices(Engine& engine, const Pass& pass, BatchTerms& terms);
  // Forward over a slice, then body(run).
  template <typename Body>
  void run_slice(Engine& engine, const Pass& pass, Slice slice, const Body& body);

  std::shared_ptr<Program> program_;
  GradientSums sums_;
  OptimizerState state_;
  bool summed_ = false;    // there are gradients to apply
  int64_t pass_ = 0;       // the last one that went well
  double grad_scale_ = 1;  // of clipping
};

}  // namespace sinter
