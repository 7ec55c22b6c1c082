// The engine, the job thread and the jobs of one JavaScript environment (main thread or worker). It
// is made as the addon's instance data and taken down by a cleanup hook, so worker threads may load
// and unload the addon at will. The rule: jobs_ alone owns jobs, on the JavaScript thread; the
// queue and the settler only borrow them.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "program/engine.h"

namespace sinter {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();

  static Environment& of(Napi::Env env);
  // The tag of a class of objects that belong to this environment: those of another copy of the
  // addon have another engine and are refused.
  static napi_type_tag tag(Napi::Env env, uint64_t kind) {
    return {kind, static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&of(env)))};
  }

  // Starts the lanes. Call it before the first job; later calls must pass the same number.
  void start_lanes(int64_t lanes);
  Engine& engine();
  int64_t next_job_id() { return ++last_job_id_; }
  // Ends a waiting job now, and a running one at its next check.
  void cancel(int64_t job_id);
  // Busy nanoseconds of each lane since startLanes.
  std::vector<int64_t> lane_busy_ns() const;
  // The system's number of each lane's thread (LaneClock::thread).
  std::vector<int> lane_threads() const;

  // JavaScript values that the settle function of a job needs; they are kept alive until it has
  // run.
  using Kept = std::vector<Napi::ObjectReference>;
  // The work of a job. It may borrow no JavaScript memory, because a buffer may be transferred or
  // changed while the job runs.
  using Work = std::function<void(Engine&, const Cancel&)>;
  using Settle = std::function<Napi::Value(Napi::Env, const Kept&)>;
  // Runs `work` on the job thread, then settles the promise on the JavaScript thread with the
  // result of `settle`, or with the error of either function. Both functions are freed before the
  // promise is settled. `job_id` must not be in use.
  Napi::Promise submit(Napi::Env env, int64_t job_id, Kept kept, Work work, Settle settle);

  // Work that passes the jobs of submit, between their operations. Either `whole` runs with all
  // lanes to itself, or `piece` runs for 0 to pieces - 1, several at a time, each on one lane.
  struct UrgentWork {
    int64_t pieces = 1;
    std::function<void(Engine&, const Cancel&)> whole;
    std::function<void(Engine&, int64_t piece, int lane, const Cancel&)> piece;
  };
  Napi::Promise submit_urgent(Napi::Env env, int64_t job_id, Kept kept, UrgentWork work,
                              Settle settle);

 private:
  struct Job;
  class UrgentCall;
  Job* add_job(Napi::Env env, int64_t job_id, Kept kept, Settle settle);
  void remove_job(Napi::Env env, int64_t job_id);
  static void settle_job(Napi::Env env, Napi::Function, std::nullptr_t*, Job* job);

  using Settler = Napi::TypedThreadSafeFunction<std::nullptr_t, Job, &Environment::settle_job>;

  void close();

  Settler settler_;
  int64_t last_job_id_ = 0;
  bool closed_ = false;
  std::unordered_map<int64_t, std::unique_ptr<Job>>
      jobs_;  // jobs not yet settled, which keep the event loop alive
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<JobQueue> queue_;
};

}  // namespace sinter
