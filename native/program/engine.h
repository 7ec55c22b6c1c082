// The lanes of one environment and how a batch is spread over them. Throughput: every lane runs
// whole micro-batches by itself. Latency: a lone request is run by all lanes together. One call at
// a time (the job queue sees to it).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "program/program.h"

namespace sinter {

// What a caller hands over: ids and segments are borrowed for the call; segments may be nullptr
// (all 0).
struct WholeBatch {
  int64_t sequences = 0;
  const int32_t* offsets = nullptr;  // [sequences + 1], from 0
  const int32_t* ids = nullptr;
  const int32_t* segments = nullptr;
  int64_t tokens() const { return sequences == 0 ? 0 : offsets[sequences]; }
};

// Sequences [begin, end) of a whole batch.
struct Slice {
  int64_t begin = 0, end = 0;
};

// Cuts a batch into slices of at most `budget` tokens (a longer sequence is a slice of its own), in
// order.
std::vector<Slice> cut_batch(const WholeBatch& batch, int64_t budget);

// The micro-batch of a slice; its index arrays live in `workspace` until the next call.
Batch make_batch(const WholeBatch& whole, Slice slice, Workspace& workspace);

class Engine {
 public:
  explicit Engine(int lanes);

  void run(const Program& program, const WholeBatch& batch,
           const std::vector<OutputTarget>& targets, int64_t budget, const Cancel& cancel);

  Team& team() { return team_; }
  Workspace& team_workspace() { return team_workspace_; }

 private:
  Team team_;
  std::vector<Workspace> lane_workspaces_;
  Workspace team_workspace_;
};

}  // namespace sinter
