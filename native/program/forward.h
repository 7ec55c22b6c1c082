// One inference call: runs a batch through a program for some outputs, cut into micro-batches that
// lanes run by themselves. The lanes share it, and it does not change while they run.
#pragma once

#include <cstdint>
#include <vector>

#include "program/program.h"

namespace sinter {

// Sequences [begin, end) of a whole batch.
struct Slice {
  int64_t begin = 0, end = 0;
};

// Cuts a batch into slices, in order, of at most `budget` tokens and `most_selected` selected
// tokens. A sequence with more is a slice of its own.
std::vector<Slice> cut_batch(const WholeBatch& batch, int64_t budget,
                             int64_t most_selected = INT64_MAX);

// Cuts a batch into at most `shares` slices, in order, of about equally many tokens.
std::vector<Slice> share_batch(const WholeBatch& batch, int64_t shares);

// The micro-batch of a slice; its index arrays live in `workspace` until the next call.
Batch make_batch(const WholeBatch& whole, Slice slice, Workspace& workspace);

// The place where a slice runs: one lane, or all lanes together when `team` is not nullptr.
// `interlude` lets urgent work pass between operations; nullptr: it does not.
struct Seat {
  Workspace& workspace;
  Team* team = nullptr;
  int lane = 0;
  Interlude* interlude = nullptr;
};

class Forward {
 public:
  // Borrows its arguments. A slice has at most `budget` tokens, and fewer so that every lane has
  // about as many tokens.
  Forward(const Program& program, const WholeBatch& batch, const std::vector<OutputTarget>& targets,
          int64_t budget, int lanes);

  // Slices that are run by one lane each.
  const std::vector<Slice>& slices() const { return slices_; }
  // Slices that all lanes run together. They are larger, because the lanes share the work inside a
  // slice.
  std::vector<Slice> team_slices() const { return cut_batch(batch_, budget_, most_selected()); }
  // Whether the lanes are about equally busy when each runs slices of its own.
  bool spreads(int lanes) const;

  void run(Slice slice, const Seat& seat, const Cancel& cancel) const;

 private:
  int64_t most_selected() const;
  std::vector<Slice> slices_for(int lanes) const;

  const Program& program_;
  WholeBatch batch_;
  const std::vector<OutputTarget>& targets_;
  const int64_t budget_;
  std::vector<uint8_t> needed_;
  std::vector<Slice> slices_;
};

}  // namespace sinter
