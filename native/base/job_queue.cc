// Two guarded deques; the thread parks when both are empty.
#include "base/job_queue.h"

#include <algorithm>
#include <utility>

namespace sinter {

JobQueue::JobQueue() : thread_([this] { loop(); }) {}

JobQueue::~JobQueue() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    urgent_.clear();  // so that lanes in a bulk job take no more pieces
    count_urgent();
  }
  wake_.notify_one();
  thread_.join();
}

void JobQueue::push(int64_t id, std::function<void()> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (bulk_.empty()) bulk_due_ = std::chrono::steady_clock::now() + kUrgentTurn;
    bulk_.push_back({id, std::move(job)});
  }
  wake_.notify_one();
}

void JobQueue::push_urgent(int64_t id, std::shared_ptr<UrgentJob> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    urgent_.push_back({id, std::move(job)});
    count_urgent();
  }
  wake_.notify_one();
}

bool JobQueue::drop(int64_t id) {
  Bulk bulk;  // declared before the lock, so that what the job captured is freed after unlocking
  Urgent urgent;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto named = [id](const auto& entry) { return entry.id == id; };
  if (const auto at = std::find_if(bulk_.begin(), bulk_.end(), named); at != bulk_.end()) {
    bulk = std::move(*at);
    bulk_.erase(at);
    return true;
  }
  const auto at = std::find_if(urgent_.begin(), urgent_.end(), named);
  if (at == urgent_.end() || at->job->next_ > 0) return false;
  urgent = std::move(*at);
  urgent_.erase(at);
  count_urgent();
  return true;
}

bool JobQueue::run_urgent_piece(int lane) {
  std::shared_ptr<UrgentJob> job;
  int64_t piece = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (urgent_.empty()) return false;
    job = urgent_.front().job;
    piece = job->next_++;
    if (job->next_ == job->pieces_) {
      urgent_.pop_front();
      count_urgent();
    }
  }
  std::exception_ptr error;
  try {
    job->run_piece(piece, lane);
  } catch (...) {
    error = std::current_exception();
  }
  end_pieces(job, error);
  return true;
}

void JobQueue::end_pieces(const std::shared_ptr<UrgentJob>& job, std::exception_ptr error) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    --job->open_;
    if (error != nullptr && job->error_ == nullptr) {
      job->error_ = error;
      job->open_ -= job->pieces_ - job->next_;  // pieces that no lane has taken
      job->next_ = job->pieces_;
      const auto same = [&](const Urgent& entry) { return entry.job == job; };
      urgent_.erase(std::remove_if(urgent_.begin(), urgent_.end(), same), urgent_.end());
      count_urgent();
    }
    if (job->open_ > 0) return;
  }
  job->ended(job->error_);  // all pieces have ended, so this thread alone holds the job
}

bool JobQueue::run_urgent_whole() {
  std::shared_ptr<UrgentJob> job;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (urgent_.empty()) return false;
    // A lane whose turn of urgent work was over may have left pieces of the first job.
    if (urgent_.front().job->next_ == 0) {
      job = std::move(urgent_.front().job);
      urgent_.pop_front();
      count_urgent();
    }
  }
  if (job == nullptr) return run_urgent_piece(0);
  std::exception_ptr error;
  try {
    job->run_whole();
  } catch (...) {
    error = std::current_exception();
  }
  job->ended(error);
  return true;
}

// Takes the next bulk job when no urgent job waits, or when urgent jobs have gone ahead of it for
// kUrgentTurn. Once a bulk job runs, urgent jobs pass it between its operations.
bool JobQueue::take_bulk(std::function<void()>& job) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (bulk_.empty() || (!urgent_.empty() && now < bulk_due_)) return false;
  job = std::move(bulk_.front().run);
  bulk_.pop_front();
  return true;
}

void JobQueue::wait_for_jobs() {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, [this] { return stop_ || !bulk_.empty() || !urgent_.empty(); });
}

void JobQueue::loop() {
  clock_.start();
  for (;;) {
    wait_for_jobs();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stop_) return;
    }
    clock_.begin();
    std::function<void()> job;
    if (take_bulk(job)) {
      job();
      std::lock_guard<std::mutex> lock(mutex_);
      bulk_due_ = std::chrono::steady_clock::now() + kUrgentTurn;
    } else {
      run_urgent_whole();
    }
    clock_.end();
  }
}

}  // namespace sinter
