// What one JavaScript environment (main thread or worker) owns: the engine, the job thread, the running jobs. Made with
// the addon's instance data and taken down by its finalizer, so worker threads may load and unload the addon at will.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/job_queue.h"
#include "program/engine.h"

namespace sinter {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();

  static Environment& of(Napi::Env env);

  // Only before the first job; later calls must name the same number.
  void start_lanes(int lanes);
  Engine& engine();
  int64_t next_job_id() { return ++last_job_id_; }
  void cancel(int64_t job_id);

  // Runs `work` on the job thread, then settles the promise on the JavaScript thread with settle(env) or the error.
  // `keep` holds references to JavaScript values whose memory the work borrows.
  using Work = std::function<void(Engine&, const Cancel&)>;
  using Settle = std::function<Napi::Value(Napi::Env)>;
  Napi::Promise submit(Napi::Env env, int64_t job_id, Napi::Object keep, Work work, Settle settle);

 private:
  struct Job;
  static void settle_job(Napi::Env env, Napi::Function, std::nullptr_t*, Job* job);

  using Settler = Napi::TypedThreadSafeFunction<std::nullptr_t, Job, &Environment::settle_job>;

  void close();

  Napi::Env env_;
  Settler settler_;
  int64_t last_job_id_ = 0;
  int pending_ = 0;  // jobs not yet settled: they keep the event loop alive
  bool closed_ = false;
  std::unordered_map<int64_t, std::shared_ptr<Cancel>> running_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<JobQueue> queue_;
};

}  // namespace sinter
