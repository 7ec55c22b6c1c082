// Spreads calls over the lanes, and lets urgent work pass.
#include "program/engine.h"

namespace sinter {
namespace {

// After a turn of urgent work a lane does bulk work for at least this fraction (1 / kBulkShare) of
// its time.
constexpr int64_t kBulkShare = 4;

}  // namespace

Engine::Engine(int lanes)
    : team_(lanes), bulk_(lanes), urgent_(lanes), turns_(static_cast<size_t>(lanes)) {}

void Engine::run_all(const Forward& call, Workspaces& workspaces, Interlude* interlude,
                     const Cancel& cancel) {
  const std::vector<Slice>& slices = call.slices();
  if (slices.empty()) return;
  if (call.spreads(team_.lanes())) {
    team_.parallel_for(static_cast<int64_t>(slices.size()), [&](int64_t i, int lane) {
      Workspace& workspace = workspaces.lanes[static_cast<size_t>(lane)];
      call.run(slices[static_cast<size_t>(i)], {workspace, nullptr, lane, interlude}, cancel);
    });
    return;
  }
  for (const Slice& slice : call.team_slices())
    call.run(slice, {workspaces.team, &team_, 0, interlude}, cancel);
}

void Engine::run_urgent_slice(const Forward& call, int64_t slice, int lane, const Cancel& cancel) {
  Workspace& workspace = urgent_.lanes[static_cast<size_t>(lane)];
  call.run(call.slices()[static_cast<size_t>(slice)], {workspace, nullptr, lane, nullptr}, cancel);
}

void Engine::pass(int lane, bool all_lanes) {
  if (queue_ == nullptr || !queue_->urgent_waits()) return;
  int64_t& bulk_until = turns_[static_cast<size_t>(lane)].bulk_until_ns;
  const int64_t begin = LaneClock::now_ns();
  if (begin < bulk_until) return;
  const int64_t end = begin + std::chrono::nanoseconds(kUrgentTurn).count();
  int64_t now = begin;
  while (now < end && (all_lanes ? queue_->run_urgent_whole() : queue_->run_urgent_piece(lane))) {
    now = LaneClock::now_ns();
  }
  bulk_until = now + (now - begin) / kBulkShare;
}

}  // namespace sinter
