// The lanes of one environment, and how calls are spread over them. For throughput every lane runs
// whole micro-batches by itself; for latency all lanes run a lone request together. One bulk call
// runs at a time (the job queue ensures it); between its operations urgent calls pass it, on the
// lane that asks or on all lanes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/job_queue.h"
#include "program/forward.h"

namespace sinter {

class Engine : public Interlude {
 public:
  explicit Engine(int lanes);

  // Sets the queue whose urgent calls may pass bulk work (nullptr: none). Call it before the first
  // job.
  void let_pass(JobQueue* queue) { queue_ = queue; }

  // Runs a bulk call, on the queue's thread.
  void run(const Forward& call, const Cancel& cancel) { run_all(call, bulk_, this, cancel); }
  // Run an urgent call on all lanes, which are free for it, or one slice of it on one free lane.
  void run_urgent(const Forward& call, const Cancel& cancel) {
    run_all(call, urgent_, nullptr, cancel);
  }
  void run_urgent_slice(const Forward& call, int64_t slice, int lane, const Cancel& cancel);

  // Bulk work calls it between operations to run waiting urgent calls. Urgent calls get up to
  // kUrgentTurn, then bulk work runs for at least a quarter of the time that they took, so that
  // neither starves.
  void pass(int lane, bool all_lanes) override;

  Team& team() { return team_; }
  // The workspace of bulk work that all lanes share.
  Workspace& team_workspace() { return bulk_.team; }

 private:
  struct Workspaces {
    explicit Workspaces(int count) : lanes(static_cast<size_t>(count)) {}
    std::vector<Workspace> lanes;
    Workspace team;
  };
  // Each lane's own.
  struct alignas(64) Turn {
    int64_t bulk_until_ns = 0;
  };
  void run_all(const Forward& call, Workspaces& workspaces, Interlude* interlude,
               const Cancel& cancel);

  Team team_;
  Workspaces bulk_, urgent_;
  std::vector<Turn> turns_;
  JobQueue* queue_ = nullptr;
};

}  // namespace sinter
