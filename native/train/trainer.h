// One optimizer over one trainable program: forward, loss, backward, clipping, AdamW, packing anew.
// All lanes share every operation, and sums run in one fixed order, so a run's numbers do not
// depend on the number of lanes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "program/engine.h"
#include "train/loss.h"

namespace sinter {

struct TrainerSettings {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  std::unordered_set<std::string> decayed;
};

struct StepSettings {
  double learning_rate = 0;
  double max_grad_norm = 0;  // 0: no clipping
  bool dropout = false;
  uint64_t dropout_key = 0;
  bool update = true;
};

struct StepResult {
  double loss = 0;
  double grad_norm = 0;
};

class Trainer {
 public:
  Trainer(std::shared_ptr<Program> program, TrainerSettings settings);

  StepResult step(Engine& engine, const WholeBatch& batch, const StepLoss& loss,
                  const StepSettings& settings, const Cancel& cancel);
  // The gradient of the last step before clipping, in the weight's own shape.
  void read_gradient(const std::string& name, float* values) const;
  const std::shared_ptr<Program>& program() const { return program_; }

 private:
  // Optimizer state of a group; tables also know which rows ever had a gradient.
  struct State {
    AlignedBuffer<float> m, v;
    bool decays = false;
    bool table = false;            // read by an embedding only: gradients are sparse in rows
    std::vector<uint8_t> seen;     // table rows that ever had a gradient
    std::vector<int32_t> touched;  // table rows with a gradient in this step, in increasing order
  };
  // A piece of a group that one lane updates.
  struct Chunk {
    int group;
    int64_t begin, end;  // elements; rows for tables
  };

  void find_tables();
  void clear_gradients(Team& team);
  void note_touched_rows(const WholeBatch& batch);
  // Selected tokens of a slice, at most.
  int64_t most_selected() const;
  double backward_slice(Engine& engine, const WholeBatch& batch, Slice slice, const BatchLoss& loss,
                        const StepSettings& settings, const Cancel& cancel);
  double gradient_norm(Team& team) const;
  void update(Team& team, const StepSettings& settings, double grad_norm);
  void update_chunk(const Chunk& chunk, const AdamWStep& base);
  std::vector<Chunk> chunks(int64_t elements) const;

  std::shared_ptr<Program> program_;
  TrainerSettings settings_;
  WeightGradients gradients_;
  std::vector<State> states_;
  std::vector<uint8_t> reached_;  // groups that the last loss reaches
  std::vector<uint8_t> needed_;   // ops of the last loss
  GradientPlan gradient_plan_;    // for these
  std::vector<int32_t> row_scratch_;
  int64_t steps_ = 0;
};

}  // namespace sinter
