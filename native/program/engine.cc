// Cutting and spreading.
#include "program/engine.h"

#include <algorithm>

namespace sinter {
namespace {

// A batch is spread by micro-batches when that keeps the lanes about equally busy; otherwise all
// lanes share each one.
bool spread_by_slices(const WholeBatch& batch, const std::vector<Slice>& slices, int lanes) {
  if (lanes == 1 || static_cast<int>(slices.size()) >= 3 * lanes) return true;
  if (static_cast<int>(slices.size()) < lanes) return false;
  int64_t largest = 0;
  for (const Slice& s : slices)
    largest = std::max<int64_t>(largest, batch.offsets[s.end] - batch.offsets[s.begin]);
  const int64_t rounds = (static_cast<int64_t>(slices.size()) + lanes - 1) / lanes;
  return largest * rounds * lanes * 4 <= batch.tokens() * 5;  // at most 25 % over the ideal
}

}  // namespace

std::vector<Slice> cut_batch(const WholeBatch& batch, int64_t budget) {
  std::vector<Slice> slices;
  for (int64_t i = 0; i < batch.sequences; ++i) {
    if (slices.empty() || batch.offsets[i + 1] - batch.offsets[slices.back().begin] > budget) {
      slices.push_back({i, i});
    }
    slices.back().end = i + 1;
  }
  return slices;
}

Batch make_batch(const WholeBatch& whole, Slice slice, Workspace& workspace) {
  const int32_t* offsets = whole.offsets + slice.begin;
  Batch batch;
  batch.sequences = slice.end - slice.begin;
  batch.first_sequence = slice.begin;
  batch.first_token = offsets[0];
  batch.tokens = offsets[batch.sequences] - offsets[0];
  batch.ids = whole.ids + batch.first_token;
  std::vector<int32_t>& indices = workspace.indices;
  const size_t tokens = static_cast<size_t>(batch.tokens),
               ends = static_cast<size_t>(batch.sequences) + 1;
  indices.assign(ends + 2 * tokens, 0);
  int32_t* rebased = indices.data();
  int32_t* positions = rebased + ends;
  for (int64_t s = 0; s < batch.sequences; ++s) {
    rebased[s + 1] = offsets[s + 1] - offsets[0];
    const int32_t length = rebased[s + 1] - rebased[s];
    for (int32_t p = 0; p < length; ++p) positions[rebased[s] + p] = p;
    batch.longest = std::max<int64_t>(batch.longest, length);
  }
  batch.offsets = rebased;
  batch.positions = positions;
  batch.segments =
      whole.segments != nullptr ? whole.segments + batch.first_token : positions + tokens;
  return batch;
}

Engine::Engine(int lanes) : team_(lanes), lane_workspaces_(static_cast<size_t>(lanes)) {}

void Engine::run(const Program& program, const WholeBatch& batch,
                 const std::vector<OutputTarget>& targets, int64_t budget, const Cancel& cancel) {
  if (batch.sequences == 0) return;
  std::vector<int> wanted;
  for (const OutputTarget& target : targets) wanted.push_back(target.value);
  const std::vector<uint8_t> needed = program.needed_ops(wanted);
  const int64_t share = (batch.tokens() + team_.lanes() - 1) / team_.lanes();
  const std::vector<Slice> slices = cut_batch(batch, std::min(budget, share));
  const auto run_slice = [&](Slice slice, Workspace& workspace, Team* team) {
    const Batch micro = make_batch(batch, slice, workspace);
    Run run(micro, program.weights(), program.values(), program.plan(), workspace, team);
    program.forward(run, needed, targets, cancel);
  };
  if (spread_by_slices(batch, slices, team_.lanes())) {
    team_.parallel_for(static_cast<int64_t>(slices.size()), [&](int64_t i, int lane) {
      run_slice(slices[static_cast<size_t>(i)], lane_workspaces_[static_cast<size_t>(lane)],
                nullptr);
    });
    return;
  }
  for (const Slice& slice : cut_batch(batch, budget)) run_slice(slice, team_workspace_, &team_);
}

}  // namespace sinter
