// Jobs leave through the queue and return to JavaScript through one thread-safe function.
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
  Settle settle;
  Cancel cancel;
  std::exception_ptr error;
};

class Environment::UrgentCall : public UrgentJob {
 public:
  UrgentCall(Job* job, Engine& engine, Settler settler, UrgentWork work)
      : UrgentJob(work.pieces),
        job_(job),
        engine_(engine),
        settler_(settler),
        work_(std::move(work)) {}

  void run_whole() override {
    job_->cancel.check();
    work_.whole(engine_, job_->cancel);
  }
  void run_piece(int64_t piece, int lane) override {
    job_->cancel.check();
    work_.piece(engine_, piece, lane, job_->cancel);
  }
  void ended(std::exception_ptr error) override {
    job_->error = std::move(error);
    work_ = {};  // frees what the work captured on this thread
    settler_.NonBlockingCall(job_);
  }

 private:
  Job* job_;
  Engine& engine_;
  Settler settler_;
  UrgentWork work_;
};

Environment::Environment(Napi::Env env) {
  settler_ = Settler::New(env, "sinter", 0, 1);
  settler_.Unref(env);
  // The hook runs before the environment's JavaScript ends, so the threads end while references can
  // still be released.
  env.AddCleanupHook([this] { close(); });
}

Environment::~Environment() = default;

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

void Environment::close() {
  if (closed_) return;
  closed_ = true;
  for (auto& [id, job] : jobs_) job->cancel.request();
  queue_.reset();  // from here on no thread borrows a job
  jobs_.clear();
  engine_.reset();
  settler_.Abort();
}

void Environment::start_lanes(int64_t lanes) {
  if (lanes < 1 || lanes > 1024) bad_argument("lanes must be from 1 to 1024");
  if (engine_ == nullptr) {
    auto engine = std::make_unique<Engine>(static_cast<int>(lanes));
    queue_ = std::make_unique<JobQueue>();
    engine->let_pass(queue_.get());
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
  if (found == jobs_.end()) return;
  Job& job = *found->second;
  job.cancel.request();
  if (!queue_->drop(job_id)) return;
  job.error = std::make_exception_ptr(Error(ErrorCode::CANCELLED, "the call was cancelled"));
  settler_.NonBlockingCall(&job);
}

std::vector<int64_t> Environment::lane_busy_ns() const {
  if (engine_ == nullptr) return {};
  std::vector<int64_t> busy{queue_->clock().busy_ns()};
  const Team& team = engine_->team();
  for (int lane = 1; lane < team.lanes(); ++lane) busy.push_back(team.clock(lane).busy_ns());
  return busy;
}

std::vector<int> Environment::lane_threads() const {
  if (engine_ == nullptr) return {};
  std::vector<int> threads{queue_->clock().thread()};
  const Team& team = engine_->team();
  for (int lane = 1; lane < team.lanes(); ++lane) threads.push_back(team.clock(lane).thread());
  return threads;
}

Environment::Job* Environment::add_job(Napi::Env env, int64_t job_id, Kept kept, Settle settle) {
  if (jobs_.count(job_id) > 0) bad_argument("job " + std::to_string(job_id) + " has not ended");
  std::unique_ptr<Job> made(new Job{this,
                                    job_id,
                                    Napi::Promise::Deferred::New(env),
                                    std::move(kept),
                                    std::move(settle),
                                    {},
                                    nullptr});
  Job* job = made.get();
  if (jobs_.empty()) settler_.Ref(env);
  jobs_.emplace(job_id, std::move(made));
  return job;
}

// Removes a job that could not be queued, because nothing would ever settle it.
void Environment::remove_job(Napi::Env env, int64_t job_id) {
  jobs_.erase(job_id);
  if (jobs_.empty()) settler_.Unref(env);
}

Napi::Promise Environment::submit(Napi::Env env, int64_t job_id, Kept kept, Work work,
                                  Settle settle) {
  Engine& engine = this->engine();
  Job* job = add_job(env, job_id, std::move(kept), std::move(settle));
  const Napi::Promise promise = job->deferred.Promise();
  try {
    queue_->push(job_id, [job, &engine, work = std::move(work), settler = settler_]() mutable {
      try {
        job->cancel.check();
        work(engine, job->cancel);
      } catch (...) {
        job->error = std::current_exception();
      }
      work = nullptr;  // frees what the work captured on this thread
      // This call fails only while the environment is taken down, and then nobody waits for the
      // job.
      settler.NonBlockingCall(job);
    });
  } catch (...) {
    remove_job(env, job_id);
    throw;
  }
  return promise;
}

Napi::Promise Environment::submit_urgent(Napi::Env env, int64_t job_id, Kept kept, UrgentWork work,
                                         Settle settle) {
  Engine& engine = this->engine();
  Job* job = add_job(env, job_id, std::move(kept), std::move(settle));
  const Napi::Promise promise = job->deferred.Promise();
  try {
    queue_->push_urgent(job_id,
                        std::make_shared<UrgentCall>(job, engine, settler_, std::move(work)));
  } catch (...) {
    remove_job(env, job_id);
    throw;
  }
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
