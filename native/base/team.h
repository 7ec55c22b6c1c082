// A team of lanes: the calling thread (lane 0) and lanes - 1 helper threads that park when idle.
// One thread at a time may call parallel_for; bodies must not call it again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/lane_clock.h"

namespace sinter {

// A reference to a callable body(index, lane): allocates nothing, valid during the call that it is
// passed to.
class LaneBody {
 public:
  template <typename F, typename = std::enable_if_t<!std::is_same_v<std::decay_t<F>, LaneBody>>>
  LaneBody(const F& body)  // NOLINT: implicit on purpose, like a function_ref
      : object_(&body), call_([](const void* object, int64_t index, int lane) {
          (*static_cast<const F*>(object))(index, lane);
        }) {}
  void operator()(int64_t index, int lane) const { call_(object_, index, lane); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int);
};

class Team {
 public:
  // Starts lanes - 1 threads. Throws std::system_error when the system refuses one.
  explicit Team(int lanes);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int lanes() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls body(index, lane) once for every index in [0, count), on any lane, and returns when all
  // have ended. After the first exception no further index is started; it is rethrown when the
  // running ones have ended.
  void parallel_for(int64_t count, LaneBody body);

  // Busy time of helper `lane` (from 1) in parallel regions; the caller measures its own time.
  const LaneClock& clock(int lane) const { return clocks_[static_cast<size_t>(lane - 1)]; }

 private:
  struct Region;
  void helper(int lane);
  void stop();
  // Waits for a ticket other than `seen` that opens a region, and returns it. A helper that was
  // woken to stop gets an even number or `seen`.
  uint64_t await_ticket(uint64_t seen);
  static void work(Region& region, int lane);

  std::vector<LaneClock> clocks_;  // of the helpers
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // Odd while region_ is open to helpers; every region has its own odd number.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> joined_{0};  // helpers inside region_, or about to find it closed
  std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  Region* region_ = nullptr;  // written only while no region is open
};

}  // namespace sinter
