// base of the test addon: the lanes (team), the job queue (jobQueue) and the 16-bit formats. Each
// call builds its own objects and blocks until they have ended.
#include <napi.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "addon_test/families.h"
#include "base/half.h"
#include "base/job_queue.h"
#include "base/team.h"

namespace sinter {
namespace {

using Widen = void (*)(int64_t, const uint8_t*, float*);

// (bytes: Uint8Array) -> Float32Array
template <Widen widen>
Napi::Value widen_value(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const size_t count = bytes.ElementLength() / 2;
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), count);
  widen(static_cast<int64_t>(count), bytes.Data(), out.Data());
  return out;
}

int64_t number_at(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().Int64Value();
}

// Records what a parallel_for did.
struct RegionLog {
  explicit RegionLog(int64_t count) : hits(static_cast<size_t>(count)) {}
  std::vector<std::atomic<int32_t>> hits;  // calls per index
  std::atomic<int32_t> inside{0};          // bodies running now
  std::atomic<bool> bad_lane{false};
};

// (lanes, count, regions, throwAt) -> { hits: Int32Array, errors, inside, badLane }: runs `regions`
// equal parallel_for calls on one team. The body throws at index `throwAt` (-1: never). Hits are
// summed over the calls.
Napi::Value team(const Napi::CallbackInfo& info) {
  const int lanes = static_cast<int>(number_at(info, 0));
  const int64_t count = number_at(info, 1), regions = number_at(info, 2);
  const int64_t throw_at = number_at(info, 3);
  RegionLog log(count);
  int32_t errors = 0, left_inside = 0;
  {
    Team pool(lanes);
    for (int64_t region = 0; region < regions; ++region) {
      try {
        pool.parallel_for(count, [&](int64_t index, int lane) {
          log.inside.fetch_add(1);
          log.hits[static_cast<size_t>(index)].fetch_add(1, std::memory_order_relaxed);
          if (lane < 0 || lane >= lanes) log.bad_lane = true;
          log.inside.fetch_sub(1);
          if (index == throw_at) throw std::runtime_error("index " + std::to_string(index));
        });
      } catch (const std::runtime_error&) {
        ++errors;
      }
      left_inside += log.inside.load();
    }
  }
  Napi::Int32Array hits = Napi::Int32Array::New(info.Env(), static_cast<size_t>(count));
  for (size_t i = 0; i < log.hits.size(); ++i) hits[i] = log.hits[i].load();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("hits", hits);
  out.Set("errors", errors);
  out.Set("inside", left_inside);
  out.Set("badLane", log.bad_lane.load());
  return out;
}

// (jobs, block) -> { order: number[], threads, alive }: pushes `jobs` jobs. With `block` the first
// job keeps the thread busy while the queue is destroyed, so that the others are dropped. `alive`
// counts the captures of jobs that were never freed.
Napi::Value job_queue(const Napi::CallbackInfo& info) {
  const int64_t jobs = number_at(info, 0);
  const bool block = info[1].ToBoolean();
  std::vector<int64_t> order;  // written by one thread, read after it has ended
  std::vector<std::thread::id> threads;
  std::atomic<int64_t> ran{0};
  std::atomic<bool> started{false}, release{false};
  const auto captured = std::make_shared<int>(0);
  std::thread opener;
  {
    JobQueue queue;
    for (int64_t i = 0; i < jobs; ++i) {
      queue.push(i, [&, i, captured] {
        started = true;
        while (block && i == 0 && !release) std::this_thread::yield();
        order.push_back(i);
        threads.push_back(std::this_thread::get_id());
        ++ran;
      });
    }
    if (block) {
      while (!started) std::this_thread::yield();
      opener = std::thread([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        release = true;
      });
    } else {
      while (ran < jobs) std::this_thread::yield();
    }
  }
  if (opener.joinable()) opener.join();
  Napi::Array list = Napi::Array::New(info.Env());
  bool same = true;
  for (size_t i = 0; i < order.size(); ++i) {
    list.Set(static_cast<uint32_t>(i), static_cast<double>(order[i]));
    same = same && threads[i] == threads[0] && threads[i] != std::this_thread::get_id();
  }
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("order", list);
  out.Set("oneThread", same);
  out.Set("alive", static_cast<double>(captured.use_count() - 1));
  return out;
}

}  // namespace

void export_base_test(Napi::Env env, Napi::Object exports) {
  Napi::Object base = Napi::Object::New(env);
  base.Set("widenF16", Napi::Function::New(env, widen_value<widen_f16>));
  base.Set("widenBf16", Napi::Function::New(env, widen_value<widen_bf16>));
  base.Set("team", Napi::Function::New(env, team));
  base.Set("jobQueue", Napi::Function::New(env, job_queue));
  exports.Set("base", base);
}

}  // namespace sinter
