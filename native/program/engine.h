// The lanes of one environment and how calls are spread over them. Throughput: every lane runs
// whole micro-batches by itself. Latency: a lone request is run by all lanes together. One bulk
// call at a time (the job queue sees to it); between its operations urgent calls pass, on the lane
// that asks or on all of them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/job_queue.h"
#include "program/forward.h"

namespace sinter {

class Engine : public Interlude {
 public:
  explicit Engine(int lanes);

  // Before the first job: where urgent calls wait. nullptr: there are none.
  void let_pass(JobQueue* queue) { queue_ = queue; }

  // A bulk call, on the queue's thread.
  void run(const Forward& call, const Cancel& cancel) { run_all(call, bulk_, this, cancel); }
  // An urgent call when all lanes are free for it, or one slice of it on a lane that is.
  void run_urgent(const Forward& call, const Cancel& cancel) {
    run_all(call, urgent_, nullptr, cancel);
  }
  void run_urgent_slice(const Forward& call, int64_t slice, int lane, const Cancel& cancel);

  // Called by bulk work between operations: urgent calls that wait run now. They get as much time
  // as they need up to kUrgentTurn, and then bulk work a quarter of that, so that neither starves.
  void pass(int lane, bool all_lanes) override;

  Team& team() { return team_; }
  // Of bulk work that all lanes share.
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
