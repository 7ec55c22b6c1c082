// The queue that runs the calls from JavaScript as native work. One thread runs bulk jobs in the
// order in which they came; urgent jobs pass them. The rule: an urgent job is cut into pieces, and
// any thread that is between two steps of its own work takes the next piece: a lane between two
// operations, the queue's thread between two jobs. The thread that ends the last piece ends the
// job, so no thread waits for another.
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

// The longest time for which urgent work may hold up bulk work before bulk work has a turn.
inline constexpr std::chrono::milliseconds kUrgentTurn{20};

class UrgentJob {
 public:
  // `pieces` is at least 1.
  explicit UrgentJob(int64_t pieces) : pieces_(pieces), open_(pieces) {}
  virtual ~UrgentJob() = default;
  UrgentJob(const UrgentJob&) = delete;
  UrgentJob& operator=(const UrgentJob&) = delete;

  // Runs one piece on one lane, while other lanes do other work. An exception drops the pieces that
  // no lane has taken.
  virtual void run_piece(int64_t piece, int lane) = 0;
  // Runs the whole job on all lanes, which are free for it. May throw.
  virtual void run_whole() = 0;
  // The job has ended: `error` is its first exception, or nullptr. Called once, on any thread; must
  // not throw.
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
  // Waits for the running jobs (raise their Cancel first) and drops the rest.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Append a job. `id` names it for drop(). A bulk job must not throw.
  void push(int64_t id, std::function<void()> job);
  void push_urgent(int64_t id, std::shared_ptr<UrgentJob> job);
  // Removes a job that has not begun; false when it has begun or does not exist.
  bool drop(int64_t id);

  // Runs one piece of the first urgent job on `lane`, which is between two operations of a bulk
  // job. False when no urgent job waits.
  bool run_urgent_piece(int lane);
  // Runs the first urgent job with all lanes: on the queue's thread only, outside parallel work.
  // False when no urgent job waits.
  bool run_urgent_whole();
  bool urgent_waits() const { return urgent_waiting_.load(std::memory_order_relaxed) > 0; }

  // Busy time of the queue's thread.
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
  // Call it with the mutex held, after a change of urgent_.
  void count_urgent() { urgent_waiting_.store(static_cast<int>(urgent_.size())); }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Bulk> bulk_;
  std::deque<Urgent> urgent_;  // jobs with a piece that no lane has taken
  std::atomic<int> urgent_waiting_{0};
  std::chrono::steady_clock::time_point bulk_due_;  // from then on a waiting bulk job goes first
  bool stop_ = false;
  LaneClock clock_;
  std::thread thread_;  // last member: the thread uses all others from its start
};

}  // namespace sinter
