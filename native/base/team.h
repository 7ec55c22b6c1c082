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

// A borrowed callable body(index, lane): no allocation, valid for the call it is passed to.
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
  // Throws std::system_error when the system starts no more threads.
  explicit Team(int lanes);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int lanes() const { return static_cast<int>(threads_.size()) + 1; }

  // body(index, lane) for every index in [0, count), each once, by any lane; returns when all are
  // done. The first exception is rethrown after the others have ended; indices not yet started are
  // then skipped.
  void parallel_for(int64_t count, LaneBody body);

  // Time in which helper `lane` (from 1) took part in regions; the caller keeps its own time.
  const LaneClock& clock(int lane) const { return clocks_[static_cast<size_t>(lane - 1)]; }

 private:
  struct Region;
  void helper(int lane);
  void stop();
  // The next ticket after `seen`, or an even number: no region is open for this helper.
  uint64_t await_ticket(uint64_t seen);
  static void work(Region& region, int lane);

  std::vector<LaneClock> clocks_;  // of the helpers
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  // Odd: region_ is open to helpers. Each region has an odd number of its own.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> joined_{0};  // helpers that hold region_, or are about to find it closed
  std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  Region* region_ = nullptr;  // written while no region is open
};

}  // namespace sinter
