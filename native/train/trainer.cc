// The step: gradients of all slices are summed, then one update.
#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sinter {
namespace {

// Tokens that go through the network together. Larger batches are cut (activations of a slice are
// all kept).
constexpr int64_t kSliceTokens = 4096;
// Floats of the values and gradients of selected tokens in one slice (512 MB): each may be as wide
// as a vocabulary.
constexpr int64_t kSelectedFloats = int64_t{1} << 27;
// Elements that a lane updates at a time.
constexpr int64_t kChunk = 1 << 15;

}  // namespace

Trainer::Trainer(std::shared_ptr<Program> program, TrainerSettings settings)
    : program_(std::move(program)), settings_(std::move(settings)) {
  const Weights& weights = program_->weights();
  if (!weights.trainable())
    throw Error(ErrorCode::INTERNAL, "the program was not made for training");
  for (int i = 0; i < weights.group_count(); ++i) {
    const Pack& g = weights.at(i);
    const int64_t size = g.trained ? g.rows * g.width : 0;
    gradients_.groups.emplace_back(size);
    std::fill_n(gradients_.groups.back().data(), size, 0.0f);
    State state;
    state.m = AlignedBuffer<float>(size);
    state.v = AlignedBuffer<float>(size);
    std::fill_n(state.m.data(), size, 0.0f);
    std::fill_n(state.v.data(), size, 0.0f);
    state.decays = settings_.decayed.count(weights.names(i)[0]) > 0;
    states_.push_back(std::move(state));
  }
  find_tables();
}

void Trainer::find_tables() {
  const Weights& weights = program_->weights();
  std::vector<uint8_t> sparse(states_.size(), 0), dense(states_.size(), 0);
  // A table that anything else reads too, by position or as a vector, has gradients in rows of no
  // token.
  for (const auto& op : program_->ops()) {
    for (size_t i = 0; i < op->groups().size(); ++i) {
      std::vector<uint8_t>& marks = op->reads_token_rows(i) ? sparse : dense;
      marks[static_cast<size_t>(op->groups()[i])] = 1;
    }
  }
  for (size_t i = 0; i < states_.size(); ++i) {
    states_[i].table = sparse[i] != 0 && dense[i] == 0 && weights.at(static_cast<int>(i)).trained;
    if (states_[i].table)
      states_[i].seen.assign(static_cast<size_t>(weights.at(static_cast<int>(i)).rows), 0);
  }
}

void Trainer::clear_gradients(Team& team) {
  team.parallel_for(static_cast<int64_t>(states_.size()), [&](int64_t i, int) {
    State& state = states_[static_cast<size_t>(i)];
    AlignedBuffer<float>& grad = gradients_.groups[static_cast<size_t>(i)];
    if (!state.table) {
      std::fill_n(grad.data(), grad.size(), 0.0f);
      return;
    }
    const int64_t width = program_->weights().at(static_cast<int>(i)).width;
    for (int32_t row : state.touched) std::fill_n(grad.data() + row * width, width, 0.0f);
    state.touched.clear();
  });
}

void Trainer::note_touched_rows(const WholeBatch& batch) {
  row_scratch_.assign(batch.ids, batch.ids + batch.tokens());
  std::sort(row_scratch_.begin(), row_scratch_.end());
  row_scratch_.erase(std::unique(row_scratch_.begin(), row_scratch_.end()), row_scratch_.end());
  for (State& state : states_) {
    if (state.table) state.touched = row_scratch_;
  }
}

StepResult Trainer::step(Engine& engine, const WholeBatch& batch, const StepLoss& loss,
                         const StepSettings& settings, const Cancel& cancel) {
  Team& team = engine.team();
  clear_gradients(team);
  note_touched_rows(batch);
  needed_ = program_->needed_ops({program_->output(loss.output)});
  std::vector<uint8_t> passed = needed_;  // by backward
  for (size_t i = 0; i < passed.size(); ++i) {
    const int made = program_->ops()[i]->outputs()[0];
    passed[i] &= program_->value_needs_grad()[static_cast<size_t>(made)];
  }
  gradient_plan_ =
      plan_gradients(program_->values(), program_->ops(), passed, program_->output(loss.output));
  reached_.assign(states_.size(), 0);
  for (size_t i = 0; i < needed_.size(); ++i) {
    if (needed_[i] == 0) continue;
    for (int group : program_->ops()[i]->groups()) {
      if (program_->weights().at(group).trained) reached_[static_cast<size_t>(group)] = 1;
    }
  }
  const BatchLoss whole_loss(loss, *program_, batch);
  const WholeBatch whole = program_->without_unused(batch, needed_);
  StepResult result;
  for (const Slice& slice : cut_batch(whole, kSliceTokens, most_selected())) {
    result.loss += backward_slice(engine, whole, slice, whole_loss, settings, cancel);
  }
  engine.pass(0, /*all_lanes=*/true);
  result.grad_norm = gradient_norm(team);
  if (settings.update) {
    engine.pass(0, /*all_lanes=*/true);
    cancel.check();  // after this point the step is finished whatever happens
    update(team, settings, result.grad_norm);
  }
  return result;
}

int64_t Trainer::most_selected() const {
  constexpr size_t kRoom = static_cast<size_t>(Room::selected);
  const int64_t floats = program_->plan().widths[kRoom] + gradient_plan_.widths[kRoom];
  return kSelectedFloats / std::max<int64_t>(1, floats);
}

double Trainer::backward_slice(Engine& engine, const WholeBatch& whole, Slice slice,
                               const BatchLoss& loss, const StepSettings& settings,
                               const Cancel& cancel) {
  const Batch batch = make_batch(whole, slice, engine.team_workspace());
  Run run(batch, program_->weights(), program_->values(), program_->plan(), program_->tables(),
          engine.team_workspace(), &engine.team());
  run.training = true;
  run.dropout = settings.dropout;
  run.dropout_key = settings.dropout_key;
  run.gradients = &gradients_;
  run.value_needs_grad = &program_->value_needs_grad();
  run.interlude = &engine;
  program_->forward(run, needed_, {}, cancel);
  run.start_backward(gradient_plan_);
  const double sum = loss.backward(run);
  program_->backward(run, needed_, cancel);
  return sum;
}

std::vector<Trainer::Chunk> Trainer::chunks(int64_t elements) const {
  std::vector<Chunk> list;
  for (int i = 0; i < static_cast<int>(states_.size()); ++i) {
    if (reached_[static_cast<size_t>(i)] == 0) continue;
    const Pack& g = program_->weights().at(i);
    const bool table = states_[static_cast<size_t>(i)].table;
    const int64_t total = table ? g.rows : g.rows * g.width;
    const int64_t piece = table ? std::max<int64_t>(1, elements / g.width) : elements;
    for (int64_t begin = 0; begin < total; begin += piece)
      list.push_back({i, begin, std::min(total, begin + piece)});
  }
  return list;
}

double Trainer::gradient_norm(Team& team) const {
  const std::vector<Chunk> list = chunks(kChunk);
  std::vector<double> sums(list.size(), 0.0);
  const OptimizerKernels& kernels = active_kernels().optimizer;
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    const Chunk& chunk = list[static_cast<size_t>(i)];
    const State& state = states_[static_cast<size_t>(chunk.group)];
    const float* grad = gradients_.groups[static_cast<size_t>(chunk.group)].data();
    double& sum = sums[static_cast<size_t>(i)];
    if (!state.table) {
      sum = kernels.sum_squares(chunk.end - chunk.begin, grad + chunk.begin);
      return;
    }
    const int64_t width = program_->weights().at(chunk.group).width;
    auto row = std::lower_bound(state.touched.begin(), state.touched.end(),
                                static_cast<int32_t>(chunk.begin));
    for (; row != state.touched.end() && *row < chunk.end; ++row)
      sum += kernels.sum_squares(width, grad + *row * width);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return std::sqrt(total);
}

void Trainer::update(Team& team, const StepSettings& settings, double grad_norm) {
  const std::vector<Chunk> list = chunks(kChunk);  // allocates: nothing below may fail half way
  ++steps_;
  AdamWStep step{};
  step.lr = settings.learning_rate;
  step.beta1 = settings_.beta1;
  step.beta2 = settings_.beta2;
  step.epsilon = settings_.epsilon;
  step.decay = settings_.weight_decay;
  step.correction1 = 1 - std::pow(settings_.beta1, steps_);
  step.correction2 = 1 - std::pow(settings_.beta2, steps_);
  // As torch.nn.utils.clip_grad_norm_.
  const double factor =
      settings.max_grad_norm > 0 ? settings.max_grad_norm / (grad_norm + 1e-6) : 1;
  step.grad_scale = std::min(1.0, factor);
  for (State& state : states_) {
    for (int32_t row : state.touched) state.seen[static_cast<size_t>(row)] = 1;
  }
  team.parallel_for(static_cast<int64_t>(list.size()),
                    [&](int64_t i, int) { update_chunk(list[static_cast<size_t>(i)], step); });
  for (size_t i = 0; i < reached_.size(); ++i) {
    if (reached_[i] != 0) program_->weights().at(static_cast<int>(i)).repack(team);
  }
}

void Trainer::update_chunk(const Chunk& chunk, const AdamWStep& base) {
  const OptimizerKernels& kernels = active_kernels().optimizer;
  State& state = states_[static_cast<size_t>(chunk.group)];
  Pack& g = program_->weights().at(chunk.group);
  const float* grad = gradients_.groups[static_cast<size_t>(chunk.group)].data();
  AdamWStep step = base;
  if (!state.decays) step.decay = 0;
  if (!state.table) {
    kernels.adamw(step, chunk.end - chunk.begin, g.values.data() + chunk.begin, grad + chunk.begin,
                  state.m.data() + chunk.begin, state.v.data() + chunk.begin);
    return;
  }
  // A row that never had a gradient has m = v = 0: only decay changes it. Most of a vocabulary
  // never occurs.
  for (int64_t row = chunk.begin; row < chunk.end; ++row) {
    const int64_t at = row * g.width;
    if (state.seen[static_cast<size_t>(row)] != 0) {
      kernels.adamw(step, g.width, g.values.data() + at, grad + at, state.m.data() + at,
                    state.v.data() + at);
    } else if (step.decay > 0) {
      kernels.scale(g.width, static_cast<float>(1 - step.lr * step.decay), g.values.data() + at);
    }
  }
}

void Trainer::read_gradient(const std::string& name, float* values) const {
  const Weights& weights = program_->weights();
  const int group = weights.group_of(name);
  if (!weights.at(group).trained)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " is not trained");
  const int64_t first = weights.first_row(name) * weights.at(group).width;
  std::memcpy(values, gradients_.groups[static_cast<size_t>(group)].data() + first,
              static_cast<size_t>(weights.elements(name)) * sizeof(float));
}

}  // namespace sinter
