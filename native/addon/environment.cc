// Jobs go out through the queue and come back through one thread-safe function.
#include "addon/environment.h"

#include <thread>
#include <utility>

#include "addon/args.h"
#include "addon/guard.h"

namespace sinter {

struct Environment::Job {
  Environment* owner;
  int64_t id;
  Napi::Promise::Deferred deferred;
  Napi::ObjectReference keep;
  std::shared_ptr<Cancel> cancel;
  Work work;
  Settle settle;
  std::exception_ptr error;
};

Environment::Environment(Napi::Env env) : env_(env) {
  settler_ = Settler::New(env, "sinter", 0, 1);
  settler_.Unref(env);
  // Runs before the environment's JavaScript is gone: the threads end while references can still be dropped.
  env.AddCleanupHook([this] { close(); });
}

Environment::~Environment() = default;

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::close() {
  if (closed_) return;
  closed_ = true;
  for (auto& [id, cancel] : running_) cancel->request();
  queue_.reset();
  engine_.reset();
  settler_.Abort();
}

void Environment::start_lanes(int lanes) {
  if (lanes < 1 || lanes > 1024) bad_argument("lanes must be from 1 to 1024");
  if (engine_ == nullptr) {
    engine_ = std::make_unique<Engine>(lanes);
    queue_ = std::make_unique<JobQueue>();
  } else if (engine_->team().lanes() != lanes) {
    bad_argument("the engine already runs " + std::to_string(engine_->team().lanes()) + " lanes");
  }
}

Engine& Environment::engine() {
  if (engine_ == nullptr) bad_argument("startLanes comes before the first job");
  return *engine_;
}

void Environment::cancel(int64_t job_id) {
  const auto found = running_.find(job_id);
  if (found != running_.end()) found->second->request();
}

Napi::Promise Environment::submit(Napi::Env env, int64_t job_id, Napi::Object keep, Work work, Settle settle) {
  Engine& engine = this->engine();
  auto* job = new Job{this,
                      job_id,
                      Napi::Promise::Deferred::New(env),
                      Napi::Persistent(keep),
                      std::make_shared<Cancel>(),
                      std::move(work),
                      std::move(settle),
                      nullptr};
  const Napi::Promise promise = job->deferred.Promise();
  running_[job_id] = job->cancel;
  if (pending_++ == 0) settler_.Ref(env);
  queue_->push([job, &engine, settler = settler_] {
    try {
      job->cancel->check();
      job->work(engine, *job->cancel);
    } catch (...) {
      job->error = std::current_exception();
    }
    job->work = nullptr;  // drops what only the work needed, on this thread
    // Fails only while the environment is taken down; the job's references then belong to a heap that goes away.
    settler.NonBlockingCall(job);
  });
  return promise;
}

void Environment::settle_job(Napi::Env env, Napi::Function, std::nullptr_t*, Job* raw) {
  const std::unique_ptr<Job> job(raw);
  if (env == nullptr) return;
  Environment& owner = *job->owner;
  owner.running_.erase(job->id);
  if (--owner.pending_ == 0) owner.settler_.Unref(env);
  const Napi::HandleScope scope(env);
  if (job->error == nullptr) {
    job->deferred.Resolve(job->settle(env));
    return;
  }
  const auto [code, message] = describe_exception(job->error);
  job->deferred.Reject(make_js_error(env, code, message).Value());
}

}  // namespace sinter
