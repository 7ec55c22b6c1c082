// Where calls from JavaScript become native work: one thread runs bulk jobs in the order they came,
// and urgent jobs pass them. The rule: an urgent job is cut into pieces, and whoever is at a border
// of its own work (a lane between two operations, or this thread between two jobs) takes the next
// one; the one that ends the last piece ends the job, so nobody waits for anybody.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/lane_clock.h"

namespace sinter {

// How long urgent work may hold up bulk work at a time.
inline constexpr std::chrono::milliseconds kUrgentTurn{20};

class UrgentJob {
 public:
  // `pieces` is at least 1.
  explicit UrgentJob(int64_t pieces) : pieces_(pieces), open_(pieces) {}
  virtual ~UrgentJob() = default;
  UrgentJob(const UrgentJob&) = delete;
  UrgentJob& operator=(const UrgentJob&) = delete;

  // One piece, by one lane, while other lanes do other work. May throw: the rest is then dropped.
  virtual void run_piece(int64_t piece, int lane) = 0;
  // All of it, by all lanes, which have nothing else to do. May throw.
  virtual void run_whole() = 0;
  // It is over, by the first error or well. Called once, on any thread; must not throw.
  virtual void ended(std::exception_ptr error) = 0;

 private:
  friend class JobQueue;
  const int64_t pieces_;
  // Guarded by the queue's mutex.
  int64_t next_ = 0;
  int64_t open_;  // pieces that have not ended
  std::exception_ptr error_;
};

class JobQueue {
 public:
  JobQueue();
  // Lets the running jobs end (raise their Cancel first) and drops the rest.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // `id` names the job for drop. Bulk jobs must not throw.
  void push(int64_t id, std::function<void()> job);
  void push_urgent(int64_t id, std::shared_ptr<UrgentJob> job);
  // True: the job had not begun, and never will.
  bool drop(int64_t id);

  // For those who run bulk work, at a border of it. False when no urgent work waits.
  bool run_urgent_piece(int lane);
  // The same where all lanes are free for it: on the queue's thread, outside parallel work.
  bool run_urgent_whole();
  bool urgent_waits() const { return urgent_waiting_.load(std::memory_order_relaxed) > 0; }

  // Time in which the queue's thread ran jobs.
  const LaneClock& clock() const { return clock_; }

 private:
  struct Bulk {
    int64_t id;
    std::function<void()> run;
  };
  struct Urgent {
    int64_t id;
    std::shared_ptr<UrgentJob> job;
  };
  void loop();
  void wait_for_jobs();
  bool take_bulk(std::function<void()>& job);
  void end_pieces(const std::shared_ptr<UrgentJob>& job, std::exception_ptr error);
  // With the mutex held: urgent_ has changed.
  void count_urgent() { urgent_waiting_.store(static_cast<int>(urgent_.size())); }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Bulk> bulk_;
  std::deque<Urgent> urgent_;  // jobs with a piece that nobody has taken
  std::atomic<int> urgent_waiting_{0};
  std::chrono::steady_clock::time_point bulk_due_;  // when urgent work stops passing the next one
  bool stop_ = false;
  LaneClock clock_;
  std::thread thread_;  // last: it starts when everything above exists
};

}  // namespace sinter
