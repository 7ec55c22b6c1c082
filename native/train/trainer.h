// The parts of a training step over one trainable program: accumulate gradients, clip them, apply
// them. All lanes share every operation, and sums run in one fixed order, so the results do not
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

// The most tokens that go through the network together. A larger batch is cut into slices, because
// the activations of a slice are all kept.
inline constexpr int64_t kSliceTokens = 4096;

struct PassSettings {
  bool dropout = false;
  uint64_t dropout_key = 0;
  int64_t slice_tokens = kSliceTokens;
  int64_t number = 0;  // number of the pass, counted from 1 by the caller
};

struct PassResult {
  double loss = 0;             // sum of the losses times their weights
  std::vector<double> losses;  // of each term, without its weight
};

class Trainer {
 public:
  Trainer(std::shared_ptr<Program> program, const OptimizerSettings& settings,
          const std::vector<ParameterGroup>& groups, const CopySettings& copies);

  // Runs a pass, which adds the gradients of the terms to those since the last apply. When a pass
  // fails or never runs, all gradients are dropped.
  PassResult accumulate(Engine& engine, const WholeBatch& batch, const std::vector<LossTerm>& terms,
                        const PassSettings& settings, const Cancel& cancel);
  // Returns the global 2-norm of the gradients. apply then multiplies them so that their norm is at
  // most `max_norm`; 0: no clipping. `pass` is the number of the last requested pass:
  // Error(INTERNAL) unless it has succeeded.
  double clip(Engine& engine, int64_t pass, double max_norm);
  // Limits every number of the gradients to [-limit, limit]. Error(INTERNAL) as in clip.
  void clamp(Engine& engine, int64_t pass, double limit);
  // One step of the optimizer, after which the gradients are used up. If clip has found a norm that
  // is not finite, no step is taken and nothing changes. Error(INTERNAL) without gradients of
  // `pass`, as in clip.
  void apply(Engine& engine, int64_t pass, double learning_rate, const Cancel& cancel);
  // Drops the gradients; the next accumulate starts from 0.
  void clear() { summed_ = false; }
  // Reads the gradient of a weight before clipping, in the shape of the weight. It stays readable
  // after apply and clear, until the next accumulate; clamp changes it.
  void read_gradient(const std::string& name, float* values) const;

  OptimizerState& state() { return state_; }
  const std::shared_ptr<Program>& program() const { return program_; }

 private:
  // The inputs of a pass, the same for all of its slices.
  struct Pass {
    const WholeBatch& whole;
    const PassSettings& settings;
    const Cancel& cancel;
    std::vector<uint8_t> needed;  // ops
    GradientPlan plan;
  };
  // Throws Error(INTERNAL) unless the gradients are those of all passes up to this one.
  void check_summed(int64_t pass) const;
  void plan_gradients_of(Pass& pass, const std::vector<int>& outputs) const;
  // The most selected tokens of a slice.
  int64_t most_selected(const GradientPlan& plan) const;
  void run_slices(Engine& engine, const Pass& pass, BatchTerms& terms);
  // Runs forward over a slice, then body(run).
  template <typename Body>
  void run_slice(Engine& engine, const Pass& pass, Slice slice, const Body& body);

  std::shared_ptr<Program> program_;
  GradientSums sums_;
  OptimizerState state_;
  bool summed_ = false;    // gradients are complete and not applied
  int64_t pass_ = 0;       // number of the last pass that succeeded
  double grad_scale_ = 1;  // of clipping
  bool finite_ = true;     // as far as clip has seen
};

}  // namespace sinter
