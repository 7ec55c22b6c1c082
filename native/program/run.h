// One pass over one micro-batch: where its values, gradients and scratch lie, and which lanes may
// help. With a team the ops split their work among all lanes (a lone text, a training step).
// Without one they run on the lane that owns the workspace, while every other lane has a
// micro-batch of its own (throughput).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/aligned.h"
#include "base/cancel.h"
#include "base/team.h"
#include "kernels/kernel_set.h"
#include "program/batch.h"
#include "program/memory_plan.h"
#include "program/weights.h"
#include "weights/lanes.h"

namespace sinter {

// Lets urgent work run between two operations of a pass: on the lane that asks, or on all lanes
// when the pass has them. Only the values of the pass must survive it, not its scratch.
class Interlude {
 public:
  virtual ~Interlude() = default;
  virtual void pass(int lane, bool all_lanes) = 0;
};

// Memory that outlives a pass and only grows. Each lane has one, and the team of all lanes another
// one.
struct Workspace {
  AlignedBuffer<float> values, grads;
  AlignedBuffer<uint8_t> shared;              // scratch of the running op
  std::vector<AlignedBuffer<uint8_t>> lanes;  // scratch of each lane of the team
  std::vector<int32_t> indices;               // offsets, positions, segments of the micro-batch
};

// Gradients of the weights, one block per group; empty for groups that are not trained.
struct WeightGradients {
  std::vector<AlignedBuffer<float>> groups;
};

class Run final : public Lanes {
 public:
  // `tables` is the room of the tables in `plan`; nullptr: it lies in the workspace, like the other
  // rooms.
  Run(const Batch& batch, const Weights& weights, const std::vector<ValueInfo>& values,
      const MemoryPlan& plan, float* tables, Workspace& workspace, Team* team)
      : batch(batch),
        weights(weights),
        kernels(active_kernels()),
        values_(values),
        plan_(plan),
        tables_(tables),
        arena_(plan, batch.tokens, batch.selected_tokens),
        workspace_(workspace),
        team_(team) {
    // The room of the tables is the last one of the arena.
    const int64_t elsewhere =
        tables == nullptr ? 0 : plan.widths[static_cast<size_t>(Room::tables)];
    workspace_.values.reserve(arena_.size() - elsewhere);
    workspace_.lanes.resize(static_cast<size_t>(lanes()));
  }

  const Batch& batch;
  const Weights& weights;
  const KernelSet& kernels;
  bool training = false;  // backward follows: keep the values that it reads
  bool dropout = false;
  uint64_t dropout_key = 0;  // of this step; ops mix the number of their output into it
  WeightGradients* gradients = nullptr;
  const GradientPlan* gradient_plan = nullptr;
  const std::vector<int>* begun = nullptr;  // gradients that begin at the op whose backward runs
  const std::vector<uint8_t>* value_needs_grad = nullptr;
  Interlude* interlude = nullptr;  // nullptr: no urgent work passes
  int lane = 0;                    // the lane of this pass, without a team

  // Called between two operations.
  void let_pass() {
    if (interlude != nullptr) interlude->pass(lane, team_ != nullptr);
  }

  int64_t rows(int value) const {
    switch (info(value).kind) {
      case ValueKind::token:
        return batch.tokens;
      case ValueKind::sequence:
        return batch.sequences;
      case ValueKind::selected:
        return batch.selected_tokens;
      case ValueKind::table:
        break;
    }
    return info(value).rows;
  }
  // The row of the whole batch at which the value of this micro-batch begins.
  int64_t first_row(int value) const {
    switch (info(value).kind) {
      case ValueKind::token:
        return batch.first_token;
      case ValueKind::sequence:
        return batch.first_sequence;
      case ValueKind::selected:
        return batch.first_selected;
      case ValueKind::table:
        break;
    }
    return 0;
  }
  int64_t width(int value) const { return info(value).width; }
  int64_t elements(int value) const { return rows(value) * width(value); }
  float* value(int id) {
    const int64_t offset = plan_.offsets[static_cast<size_t>(id)];
    const ValueKind kind = info(id).kind;
    if (kind == ValueKind::table && tables_ != nullptr) return tables_ + offset;
    return workspace_.values.data() + arena_.at(kind, offset);
  }
  float* grad(int id) {
    return workspace_.grads.data() +
           grad_arena_.at(info(id).kind, gradient_plan->offsets[static_cast<size_t>(id)]);
  }
  // nullptr when the group is not trained.
  float* weight_grad(int group) { return gradients->groups[static_cast<size_t>(group)].data(); }
  bool needs_grad(int id) const { return (*value_needs_grad)[static_cast<size_t>(id)] != 0; }

  // Call it before the first use of a gradient; `plan` must outlive the run.
  void start_backward(const GradientPlan& plan) {
    gradient_plan = &plan;
    grad_arena_ = Arena(plan, batch.tokens, batch.selected_tokens);
    workspace_.grads.reserve(grad_arena_.size());
  }
  // Whether the op whose backward runs is the first to add to the gradient of a value.
  bool begins(int id) const { return std::find(begun->begin(), begun->end(), id) != begun->end(); }
  // Sets a gradient to 0, so that every backward can add to it.
  void clear_grad(int id) {
    float* from = grad(id);
    parallel_ranges(elements(id), 1024, 1, [&](int64_t begin, int64_t end, int) {
      std::fill(from + begin, from + end, 0.0f);
    });
  }

  int lanes() const override { return team_ == nullptr ? 1 : team_->lanes(); }
  void parallel(int64_t count, int64_t work, LaneBody body) override {
    if (team_ != nullptr && work >= kMinWork) {
      team_->parallel_for(count, body);
    } else {
      for (int64_t i = 0; i < count; ++i) body(i, 0);
    }
  }
  uint8_t* shared_scratch(int64_t bytes) override { return workspace_.shared.reserve(bytes); }
  uint8_t* lane_bytes(int lane, int64_t bytes) override {
    return workspace_.lanes[static_cast<size_t>(lane)].reserve(bytes);
  }
  template <typename T>
  T* lane_scratch(int lane, int64_t count) {
    return reinterpret_cast<T*>(lane_bytes(lane, count * static_cast<int64_t>(sizeof(T))));
  }

 private:
  const ValueInfo& info(int id) const { return values_[static_cast<size_t>(id)]; }

  const std::vector<ValueInfo>& values_;
  const MemoryPlan& plan_;
  float* tables_;
  Arena arena_, grad_arena_;
  Workspace& workspace_;
  Team* team_;
};

}  // namespace sinter
