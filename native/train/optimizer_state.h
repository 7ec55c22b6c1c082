// An optimizer over the weights of a program: its buffers, its step counter, and the rows of tables
// that it has ever seen a gradient of. Everything that the next update depends on is here or in the
// weights, and is one of the named buffers that state() lists.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "train/gradient_sums.h"
#include "train/optimizers/optimizer.h"

namespace sinter {

// Weights that share their settings. A weight in none has the defaults.
struct ParameterGroup {
  std::vector<std::string> weights;
  WeightSettings settings;
};

// A flat buffer of the state: floats, or for rows seen one byte each.
struct StateBuffer {
  std::string name;
  std::string weight;
  bool bytes = false;
  int64_t elements = 0;
  uint8_t* data = nullptr;

  int64_t size() const { return bytes ? elements : elements * 4; }
};

class OptimizerState {
 public:
  OptimizerState(Program& program, const OptimizerSettings& settings,
                 const std::vector<ParameterGroup>& groups, const GradientSums& sums);

  // One step with these gradients. Nothing of it fails half way.
  void update(Team& team, const GradientSums& sums, double learning_rate, double grad_scale);

  int64_t steps() const { return steps_; }
  // Trained weights and what belongs to them, in the order of the groups: `weight:NAME`,
  // `BUFFER:NAME`, and `seen:NAME` for tables.
  const std::vector<StateBuffer>& state() const { return state_; }
  // Error(INTERNAL) for an unknown name or bytes beyond the end, like read and write.
  void check_range(const std::string& name, int64_t offset, int64_t size) const {
    buffer(name, offset, size);
  }
  void read(const std::string& name, int64_t offset, int64_t size, uint8_t* to) const;
  // Error(CORRUPT_MODEL) for a number that is not finite, and nothing is written.
  void write(const std::string& name, int64_t offset, int64_t size, const uint8_t* from);
  // All buffers are written: packs the weights anew and goes on after step `steps`.
  void restore(Team& team, int64_t steps);

 private:
  struct GroupState {
    std::vector<AlignedBuffer<float>> buffers;
    std::vector<WeightSettings> members;  // of the pack
    std::vector<uint8_t> seen;            // by row, tables only
  };
  // Rows [begin, end) of a member of a pack.
  struct Chunk {
    int group;
    size_t member;
    int64_t begin, end;
  };
  void list_state();
  const StateBuffer& buffer(const std::string& name, int64_t offset, int64_t size) const;
  std::vector<Chunk> chunks(const GradientSums& sums) const;
  void update_chunk(const Chunk& chunk, const GradientSums& sums);

  Program& program_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<GroupState> groups_;
  std::vector<StateBuffer> state_;
  std::unordered_map<std::string, size_t> places_;  // in state_
  int64_t steps_ = 0;
};

}  // namespace sinter
