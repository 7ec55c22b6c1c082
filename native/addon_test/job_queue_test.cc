// Urgent jobs of the queue, for the test addon: pieces taken by lanes that run bulk work, whole
// jobs when the queue is idle, dropped jobs. Each call builds its own queue and blocks until it has
// ended.
#include "base/job_queue.h"

#include <napi.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "addon_test/families.h"

namespace sinter {
namespace {

// Records what happened to one urgent job. The queue frees the job, but not its log.
struct UrgentLog {
  explicit UrgentLog(int64_t pieces) : hits(static_cast<size_t>(pieces)) {}
  std::vector<std::atomic<int32_t>> hits;  // calls per piece
  std::atomic<int32_t> whole{0}, ends{0}, errors{0};
};

class LoggedJob : public UrgentJob {
 public:
  LoggedJob(UrgentLog& log, int64_t throw_at)
      : UrgentJob(static_cast<int64_t>(log.hits.size())), log_(log), throw_at_(throw_at) {}
  void run_piece(int64_t piece, int) override {
    log_.hits[static_cast<size_t>(piece)].fetch_add(1);
    std::this_thread::yield();
    if (piece == throw_at_) throw std::runtime_error("piece");
  }
  void run_whole() override {
    log_.whole.fetch_add(1);
    if (throw_at_ >= 0) throw std::runtime_error("whole");
  }
  void ended(std::exception_ptr error) override {
    if (error != nullptr) log_.errors.fetch_add(1);
    log_.ends.fetch_add(1);
  }

 private:
  UrgentLog& log_;
  int64_t throw_at_;
};

using Logs = std::vector<std::unique_ptr<UrgentLog>>;

bool all_ended(const Logs& logs) {
  for (const auto& log : logs) {
    if (log->ends.load() == 0) return false;
  }
  return true;
}

Napi::Array describe(Napi::Env env, const Logs& logs) {
  Napi::Array list = Napi::Array::New(env);
  for (const auto& log : logs) {
    Napi::Array hits = Napi::Array::New(env);
    for (const auto& count : log->hits) hits.Set(hits.Length(), count.load());
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("hits", hits);
    entry.Set("whole", log->whole.load());
    entry.Set("ends", log->ends.load());
    entry.Set("errors", log->errors.load());
    list.Set(list.Length(), entry);
  }
  return list;
}

// (lanes, jobs, pieces, throwAt) -> { hits, whole, ends, errors }[]. With lanes > 0 a bulk job of
// as many threads takes pieces until all urgent jobs have ended; with 0 no bulk job runs. Every
// third job throws at piece `throwAt` (-1: never).
Napi::Value urgent(const Napi::CallbackInfo& info) {
  const auto number = [&](size_t i) { return info[i].As<Napi::Number>().Int64Value(); };
  const int lanes = static_cast<int>(number(0));
  const int64_t jobs = number(1), pieces = number(2), throw_at = number(3);
  Logs logs;
  for (int64_t i = 0; i < jobs; ++i) logs.push_back(std::make_unique<UrgentLog>(pieces));
  {
    JobQueue queue;
    std::atomic<bool> started{lanes == 0}, over{false};
    if (lanes > 0) {
      queue.push(0, [&] {
        started = true;
        const auto look = [&](int lane) {
          while (!over) queue.run_urgent_piece(lane);
        };
        std::vector<std::thread> helpers;
        for (int lane = 1; lane < lanes; ++lane) helpers.emplace_back(look, lane);
        look(0);
        for (std::thread& helper : helpers) helper.join();
      });
    }
    while (!started) std::this_thread::yield();
    for (int64_t i = 0; i < jobs; ++i) {
      queue.push_urgent(i + 1, std::make_shared<LoggedJob>(*logs[static_cast<size_t>(i)],
                                                           i % 3 == 0 ? throw_at : -1));
    }
    while (!all_ended(logs)) std::this_thread::yield();
    over = true;
  }
  return describe(info.Env(), logs);
}

// () -> { drops, ran, ends }. Pushes bulk jobs 1 (which runs), 2 and 4 and urgent job 3, then drops
// ids 1, 2, 3 and 9, then lets job 1 end. `ran` is the sum of 1, 10, 100 for the bulk jobs 1, 2, 4
// that ran.
Napi::Value drop(const Napi::CallbackInfo& info) {
  std::atomic<bool> started{false}, release{false};
  std::atomic<int32_t> ran{0};
  UrgentLog log(2);
  Napi::Array drops = Napi::Array::New(info.Env());
  {
    JobQueue queue;
    queue.push(1, [&] {
      started = true;
      while (!release) std::this_thread::yield();
      ran += 1;
    });
    while (!started) std::this_thread::yield();
    queue.push(2, [&] { ran += 10; });
    queue.push_urgent(3, std::make_shared<LoggedJob>(log, -1));
    queue.push(4, [&] { ran += 100; });
    for (int64_t id : {1, 2, 3, 9}) drops.Set(drops.Length(), queue.drop(id));
    release = true;
    while (ran < 100) std::this_thread::yield();
  }
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("drops", drops);
  out.Set("ran", ran.load());
  out.Set("ends", log.ends.load());
  return out;
}

// (milliseconds) -> busy milliseconds of the queue's thread after one job of about that length and
// an idle time of the same length
Napi::Value busy(const Napi::CallbackInfo& info) {
  const std::chrono::milliseconds length(info[0].As<Napi::Number>().Int64Value());
  JobQueue queue;
  std::atomic<bool> done{false};
  queue.push(1, [&] {
    std::this_thread::sleep_for(length);
    done = true;
  });
  while (!done) std::this_thread::yield();
  std::this_thread::sleep_for(length);
  return Napi::Number::New(info.Env(), static_cast<double>(queue.clock().busy_ns()) / 1e6);
}

}  // namespace

void export_job_queue_test(Napi::Env env, Napi::Object exports) {
  Napi::Object queue = Napi::Object::New(env);
  queue.Set("urgent", Napi::Function::New(env, urgent));
  queue.Set("drop", Napi::Function::New(env, drop));
  queue.Set("busy", Napi::Function::New(env, busy));
  exports.Set("queue", queue);
}

}  // namespace sinter
