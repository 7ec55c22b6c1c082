// Jobs go out through the queue and come back through one thread-safe function.
#include "addon/environment.h"

#include <string>
#include <utility>

#include "addon/args.h"
#include "addon/guard.h"

namespace sinter {

struct Environment::Job {
  Environment* owner;
  int64_t id;
  Napi::Promise::Deferred deferred;
  Kept kept;
  Work work;
  Settle settle;
  Cancel cancel;
  std::exception_ptr error;
};

Environment::Environment(Napi::Env env) {
  settler_ = Settler::New(env, "sinter", 0, 1);
  settler_.Unref(env);
  // Runs before the environment's JavaScript is gone: the threads end while references can still be
  // dropped.
  env.AddCleanupHook([this] { close(); });
}

Environment::~Environment() = default;

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::close() {
  if (closed_) return;
  closed_ = true;
  for (auto& [id, job] : jobs_) job->cancel.request();
  queue_.reset();  // no thread borrows a job after this
  jobs_.clear();
  engine_.reset();
  settler_.Abort();
}

void Environment::start_lanes(int64_t lanes) {
  if (lanes < 1 || lanes > 1024) bad_argument("lanes must be from 1 to 1024");
  if (engine_ == nullptr) {
    auto engine = std::make_unique<Engine>(static_cast<int>(lanes));
    queue_ = std::make_unique<JobQueue>();
    engine_ = std::move(engine);
  } else if (engine_->team().lanes() != lanes) {
    bad_argument("the engine already runs " + std::to_string(engine_->team().lanes()) + " lanes");
  }
}

Engine& Environment::engine() {
  if (engine_ == nullptr) bad_argument("startLanes comes before the first job");
  return *engine_;
}

void Environment::cancel(int64_t job_id) {
  const auto found = jobs_.find(job_id);
  if (found != jobs_.end()) found->second->cancel.request();
}

Napi::Promise Environment::submit(Napi::Env env, int64_t job_id, Kept kept, Work work,
                                  Settle settle) {
  Engine& engine = this->engine();
  if (jobs_.count(job_id) > 0) bad_argument("job " + std::to_string(job_id) + " has not ended");
  std::unique_ptr<Job> made(new Job{this,
                                    job_id,
                                    Napi::Promise::Deferred::New(env),
                                    std::move(kept),
                                    std::move(work),
                                    std::move(settle),
                                    {},
                                    nullptr});
  Job* job = made.get();
  const Napi::Promise promise = job->deferred.Promise();
  if (jobs_.empty()) settler_.Ref(env);
  jobs_.emplace(job_id, std::move(made));
  queue_->push([job, &engine, settler = settler_] {
    try {
      job->cancel.check();
      job->work(engine, job->cancel);
    } catch (...) {
      job->error = std::current_exception();
    }
    job->work = nullptr;  // drops what only the work needed, on this thread
    // Fails only while the environment is taken down, and then nobody waits for the job.
    settler.NonBlockingCall(job);
  });
  return promise;
}

void Environment::settle_job(Napi::Env env, Napi::Function, std::nullptr_t*, Job* borrowed) {
  if (env == nullptr) return;  // the environment is gone, and the job with it
  Environment& owner = *borrowed->owner;
  const std::unique_ptr<Job> job = std::move(owner.jobs_.extract(borrowed->id).mapped());
  if (owner.jobs_.empty()) owner.settler_.Unref(env);
  const Napi::HandleScope scope(env);
  Napi::Value result;
  try {
    if (job->error != nullptr) std::rethrow_exception(job->error);
    result = job->settle(env, job->kept);
  } catch (const Napi::Error& error) {
    job->settle = nullptr;
    job->deferred.Reject(error.Value());
    return;
  } catch (...) {
    job->settle = nullptr;
    const auto [code, message] = describe_exception(std::current_exception());
    job->deferred.Reject(make_js_error(env, code, message).Value());
    return;
  }
  job->settle = nullptr;
  job->deferred.Resolve(result);
}

}  // namespace sinter
