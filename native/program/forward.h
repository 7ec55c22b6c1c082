// One inference call: a batch through a program for some outputs, cut into micro-batches that lanes
// run by themselves. Shared by the lanes, unchanged while they run.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace sinter {

// Sequences [begin, end) of a whole batch.
struct Slice {
  int64_t begin = 0, end = 0;
};

// Cuts a batch into slices of at most `budget` tokens and `most_selected` selected ones (a sequence
// with more is a slice of its own), in order.
std::vector<Slice> cut_batch(const WholeBatch& batch, int64_t budget,
                             int64_t most_selected = INT64_MAX);

// The micro-batch of a slice; its index arrays live in `workspace` until the next call.
Batch make_batch(const WholeBatch& whole, Slice slice, Workspace& workspace);

// What a slice runs on: one lane, or all of them together (`team` is not nullptr). `interlude` lets
// urgent work pass between operations; nullptr: nothing passes.
struct Seat {
  Workspace& workspace;
  Team* team = nullptr;
  int lane = 0;
  Interlude* interlude = nullptr;
};

class Forward {
 public:
  // Borrows all of it. A lane gets at most `budget` tokens at a time, less when that leaves one of
  // the `lanes` without work.
  Forward(const Program& program, const WholeBatch& batch, const std::vector<OutputTarget>& targets,
          int64_t budget, int lanes);

  // Micro-batches for one lane each.
  const std::vector<Slice>& slices() const { return slices_; }
  // Those for all lanes together: larger ones, as they share the work inside.
  std::vector<Slice> team_slices() const { return cut_batch(batch_, budget_, most_selected()); }
  // The lanes are about equally busy when each runs micro-batches of its own.
  bool spreads(int lanes) const;

  void run(Slice slice, const Seat& seat, const Cancel& cancel) const;

 private:
  int64_t most_selected() const;

  const Program& program_;
  WholeBatch batch_;
  const std::vector<OutputTarget>& targets_;
  const int64_t budget_;
  std::vector<uint8_t> needed_;
  std::vector<Slice> slices_;
};

}  // namespace sinter
