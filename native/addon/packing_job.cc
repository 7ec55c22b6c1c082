// Runs one packing job at a time for each store.
#include "addon/packing_job.h"

#include <cmath>

#include "addon/args.h"
#include "addon/environment.h"

namespace sinter {
namespace {

// Sets `packing` for the life of the job. It ends on the JavaScript thread, before the promise is
// settled.
struct PackingScope {
  std::shared_ptr<WeightStore> store;
  std::shared_ptr<bool> packing;
  bool ended_well = false;

  PackingScope(std::shared_ptr<WeightStore> of, std::shared_ptr<bool> flag)
      : store(std::move(of)), packing(std::move(flag)) {
    *packing = true;
  }
  ~PackingScope() { *packing = !ended_well && store->filling(); }
  PackingScope(const PackingScope&) = delete;
  PackingScope& operator=(const PackingScope&) = delete;
};

}  // namespace

int64_t job_id_arg(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() <= index || info[index].IsUndefined())
    return Environment::of(info.Env()).next_job_id();
  if (!info[index].IsNumber()) bad_argument("a job id must be a number");
  const double id = info[index].As<Napi::Number>().DoubleValue();
  if (!(id >= 1 && id <= 0x1p52) || id != std::floor(id)) bad_argument("a job id must be whole");
  return static_cast<int64_t>(id);
}

Napi::Value submit_packing(const Napi::CallbackInfo& info, std::shared_ptr<WeightStore> store,
                           std::shared_ptr<bool> packing,
                           std::function<void(Team&, const Cancel&)> work) {
  if (*packing) bad_argument("a program is sealed once, and not while pack runs");
  const int64_t job_id = job_id_arg(info, 0);
  const auto scope = std::make_shared<PackingScope>(std::move(store), std::move(packing));
  Environment::UrgentWork urgent;
  urgent.whole = [work](Engine& engine, const Cancel& cancel) { work(engine.team(), cancel); };
  urgent.piece = [work](Engine&, int64_t, int, const Cancel& cancel) {
    Team alone(1);
    work(alone, cancel);
  };
  return Environment::of(info.Env())
      .submit_urgent(info.Env(), job_id, {}, std::move(urgent),
                     [scope](Napi::Env env, const Environment::Kept&) {
                       scope->ended_well = true;
                       return env.Undefined();
                     });
}

}  // namespace sinter
