// Measures how long a lane (a thread) has been busy, and knows which thread of the system it is.
// Only the lane itself calls start, begin and end; any thread may read, also while the lane is
// busy.
#pragma once

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <atomic>
#include <chrono>
#include <cstdint>

namespace sinter {

class alignas(64) LaneClock {
 public:
  // The lane's thread has started.
  void start() {
#ifdef __linux__
    thread_.store(static_cast<int>(syscall(SYS_gettid)), std::memory_order_relaxed);
#endif
  }
  // The system's number of the lane's thread; 0 before it has started, and where threads have none
  // by which others may set their priority.
  int thread() const { return thread_.load(std::memory_order_relaxed); }

  void begin() { mark_.store(now_ns() - busy_, std::memory_order_relaxed); }
  void end() {
    busy_ = now_ns() - mark_.load(std::memory_order_relaxed);
    mark_.store(-1 - busy_, std::memory_order_relaxed);
  }
  // Nanoseconds since it was made, the running time included; never falls.
  int64_t busy_ns() const {
    const int64_t mark = mark_.load(std::memory_order_relaxed);
    return mark < 0 ? -1 - mark : now_ns() - mark;
  }

  static int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

 private:
  // Busy or idle in one word, so that a reader never sees a half-made change. Busy: the moment of
  // begin() minus the busy time before it. Idle: -1 - busy_.
  std::atomic<int64_t> mark_{-1};
  int64_t busy_ = 0;  // the lane's own
  std::atomic<int> thread_{0};
};

}  // namespace sinter
