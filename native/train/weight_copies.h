// Copies of a program's trained weights beside them: the exponential moving average over the steps,
// and those that the caller chose to keep. Both are part of the state of a training.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace sinter {

struct CopySettings {
  double average_decay = 0;  // 0: no average
  bool kept = false;         // whether there is a kept copy
};

class WeightCopies {
 public:
  WeightCopies(Program& program, const CopySettings& settings);

  bool has_average() const { return settings_.average_decay > 0; }
  bool has_kept() const { return settings_.kept; }
  float* average(int group) { return average_[static_cast<size_t>(group)].data(); }
  float* kept(int group) { return kept_[static_cast<size_t>(group)].data(); }

  // Call it before the first step: the average begins as the weights.
  void begin(Team& team);
  // average = decay * average + (1 - decay) * weights; call it after each step.
  void follow(Team& team);
  // Copies the weights.
  void keep(Team& team);
  // Exchanges the weights with the average or with the kept copy. Error(INTERNAL) without that
  // copy.
  void exchange_average(Team& team);
  void exchange_kept(Team& team);

 private:
  using Buffers = std::vector<AlignedBuffer<float>>;
  // A range of elements of a pack.
  struct Chunk {
    int group;
    int64_t begin, end;
  };
  void make(Buffers& buffers) const;
  // Runs body(values, copy, count) over all trained weights.
  template <typename Body>
  void each_chunk(Team& team, Buffers& buffers, const Body& body);
  void exchange(Team& team, Buffers& buffers);

  Program& program_;
  CopySettings settings_;
  Buffers average_, kept_;  // by group, empty for frozen ones
};

}  // namespace sinter
