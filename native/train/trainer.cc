// A training pass over a batch: forward and backward slice by slice, with gradients summed.
#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sinter {
namespace {

// The most floats in all values and gradients of selected tokens of one slice (512 MB), because
// each of these values may be as wide as a vocabulary.
constexpr int64_t kSelectedFloats = int64_t{1} << 27;

const Program& trainable(const Program& program) {
  if (!program.weights().trainable())
    throw Error(ErrorCode::INTERNAL, "the program was not made for training");
  return program;
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Program> program, const OptimizerSettings& settings,
                 const std::vector<ParameterGroup>& groups, const CopySettings& copies)
    : program_(std::move(program)),
      sums_(trainable(*program_)),
      state_(*program_, settings, groups, sums_, copies) {}

PassResult Trainer::accumulate(Engine& engine, const WholeBatch& batch,
                               const std::vector<LossTerm>& terms, const PassSettings& settings,
                               const Cancel& cancel) {
  if (!summed_ || pass_ != settings.number - 1) sums_.clear(engine.team());
  summed_ = false;  // until the pass has succeeded
  grad_scale_ = 1;
  finite_ = true;
  BatchTerms batch_terms(terms, *program_, batch);
  std::vector<uint8_t> needed = program_->needed_ops(batch_terms.outputs());
  const WholeBatch whole = program_->without_unused(batch, needed);
  Pass pass{whole, settings, cancel, std::move(needed), {}};
  plan_gradients_of(pass, batch_terms.outputs());
  sums_.expect(batch, pass.needed);
  for (int group : batch_terms.weight_groups()) sums_.expect(group);
  run_slices(engine, pass, batch_terms);
  summed_ = true;
  pass_ = settings.number;
  return {batch_terms.loss(), batch_terms.losses()};
}

void Trainer::plan_gradients_of(Pass& pass, const std::vector<int>& outputs) const {
  std::vector<uint8_t> passed = pass.needed;  // by backward
  for (size_t i = 0; i < passed.size(); ++i) {
    const int made = program_->ops()[i]->outputs()[0];
    passed[i] &= program_->value_needs_grad()[static_cast<size_t>(made)];
  }
  pass.plan = plan_gradients(program_->values(), program_->ops(), passed, outputs);
}

int64_t Trainer::most_selected(const GradientPlan& plan) const {
  constexpr size_t kRoom = static_cast<size_t>(Room::selected);
  const int64_t floats = program_->plan().widths[kRoom] + plan.widths[kRoom];
  return kSelectedFloats / std::max<int64_t>(1, floats);
}

void Trainer::run_slices(Engine& engine, const Pass& pass, BatchTerms& terms) {
  const std::vector<Slice> slices =
      cut_batch(pass.whole, pass.settings.slice_tokens, most_selected(pass.plan));
  // Coupled terms need the outputs of all slices, so every slice runs twice. Both runs give the
  // same bits, because dropout is a hash of the place in the batch.
  const bool twice = terms.coupled() && slices.size() > 1;
  for (size_t i = 0; twice && i < slices.size(); ++i) {
    run_slice(engine, pass, slices[i], [&](Run& run) {
      terms.keep(run);
      if (i + 1 == slices.size()) terms.couple(run);
    });
  }
  for (const Slice& slice : slices) {
    run_slice(engine, pass, slice, [&](Run& run) {
      if (terms.coupled() && !twice) {
        terms.keep(run);
        terms.couple(run);
      }
      run.start_backward(pass.plan);
      terms.backward(run);
      program_->backward(run, pass.needed, pass.cancel);
    });
  }
}

template <typename Body>
void Trainer::run_slice(Engine& engine, const Pass& pass, Slice slice, const Body& body) {
  const Batch batch = make_batch(pass.whole, slice, engine.team_workspace());
  Run run(batch, program_->weights(), program_->values(), program_->plan(), program_->tables(),
          engine.team_workspace(), &engine.team());
  run.training = true;
  run.dropout = pass.settings.dropout;
  run.dropout_key = pass.settings.dropout_key;
  run.gradients = &sums_.all();
  run.value_needs_grad = &program_->value_needs_grad();
  run.interlude = &engine;
  program_->forward(run, pass.needed, {}, pass.cancel);
  body(run);
}

void Trainer::check_summed(int64_t pass) const {
  if (!summed_ || pass_ != pass)
    throw Error(ErrorCode::INTERNAL, "there are no gradients: the last pass failed or was applied");
}

double Trainer::clip(Engine& engine, int64_t pass, double max_norm) {
  check_summed(pass);
  engine.pass(0, /*all_lanes=*/true);
  const double norm = sums_.norm(engine.team());
  finite_ = finite_ && std::isfinite(norm);
  // The same formula as torch.nn.utils.clip_grad_norm_.
  grad_scale_ = max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1;
  return norm;
}

void Trainer::clamp(Engine& engine, int64_t pass, double limit) {
  check_summed(pass);
  engine.pass(0, /*all_lanes=*/true);
  sums_.clamp(engine.team(), static_cast<float>(limit));
}

void Trainer::apply(Engine& engine, int64_t pass, double learning_rate, const Cancel& cancel) {
  check_summed(pass);
  engine.pass(0, /*all_lanes=*/true);
  cancel.check();  // from here on the step is always finished
  if (finite_) state_.update(engine.team(), sums_, learning_rate, grad_scale_);
  summed_ = false;
}

void Trainer::read_gradient(const std::string& name, float* values) const {
  const Weights& weights = program_->weights();
  const int group = weights.group_of(name);
  if (!weights.at(group).trained)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " is not trained");
  const int64_t first = weights.first_row(name) * weights.at(group).width;
  std::memcpy(values, sums_.of(group) + first,
              static_cast<size_t>(weights.elements(name)) * sizeof(float));
}

}  // namespace sinter
