// An optimizer over the weights of a program: its buffers, its step counter, and the rows of tables
// that have ever had a gradient. All numbers that the next update depends on are here or in the
// weights, and state() lists them all as named buffers.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "train/gradient_sums.h"
#include "train/optimizers/optimizer.h"
#include "train/weight_copies.h"

namespace sinter {

// Weights that share their settings. A weight in no group has the defaults.
struct ParameterGroup {
  std::vector<std::string> weights;
  WeightSettings settings;
};

// A flat buffer of the state: floats, or one byte per row for `seen`.
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
                 const std::vector<ParameterGroup>& groups, const GradientSums& sums,
                 const CopySettings& copies);

  // One optimizer step with these gradients. It either fails before any change or succeeds.
  void update(Team& team, const GradientSums& sums, double learning_rate, double grad_scale);

  int64_t steps() const { return steps_; }
  // The trained weights and their buffers, in the order of the groups: `weight:NAME`,
  // `BUFFER:NAME`, `seen:NAME` for tables, and `average:NAME` and `kept:NAME` of the copies.
  const std::vector<StateBuffer>& state() const { return state_; }
  // Throws Error(INTERNAL) for an unknown name or a range beyond the end; read and write do so too.
  void check_range(const std::string& name, int64_t offset, int64_t size) const {
    buffer(name, offset, size);
  }
  void read(const std::string& name, int64_t offset, int64_t size, uint8_t* to) const;
  // Throws Error(CORRUPT_MODEL) for a number that is not finite; then nothing is written.
  void write(const std::string& name, int64_t offset, int64_t size, const uint8_t* from);
  // Call it when all buffers are written: packs the weights again and continues after step `steps`.
  void restore(Team& team, int64_t steps);
  // The copies; before the first step the average is not to be exchanged.
  WeightCopies& copies() { return copies_; }

 private:
  struct GroupState {
    std::vector<AlignedBuffer<float>> buffers;
    std::vector<WeightSettings> members;  // of the pack
    std::vector<uint8_t> seen;            // by row, for tables only
  };
  // Rows [begin, end) of a pack, all of one member.
  struct Chunk {
    int group;
    size_t member;
    int64_t begin, end;
  };
  void list_state();
  const StateBuffer& buffer(const std::string& name, int64_t offset, int64_t size) const;
  std::vector<Chunk> chunks(const GradientSums& sums) const;
  // The ratio of each chunk's weight, for optimizers that measure; else all 1.
  void find_ratios(Team& team, const std::vector<Chunk>& list, const GradientSums& sums,
                   std::vector<Squares>& squares, std::vector<double>& ratios);
  UpdateSpan span_of(const Chunk& chunk, const GradientSums& sums, int64_t begin, int64_t end);
  void update_chunk(const Chunk& chunk, const GradientSums& sums, double ratio);

  Program& program_;
  std::unique_ptr<Optimizer> optimizer_;
  WeightCopies copies_;
  std::vector<GroupState> groups_;
  std::vector<StateBuffer> state_;
  std::unordered_map<std::string, size_t> places_;  // in state_
  int64_t steps_ = 0;
};

}  // namespace sinter
