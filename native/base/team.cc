// Regions are handed over by an epoch counter: helpers spin on it for a short while (layers follow
// each other within microseconds), then park on a condition variable, so an idle engine uses no
// CPU.
#include "base/team.h"

namespace sinter {
namespace {

// About 20 to 50 microseconds: longer than the gaps between the operations of a forward pass.
constexpr int kSpins = 1000;

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace

struct Team::Region {
  explicit Region(int64_t n, LaneBody b) : count(n), body(b) {}
  const int64_t count;
  const LaneBody body;
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;  // guarded by mutex
};

Team::Team(int lanes) {
  try {
    for (int lane = 1; lane < lanes; ++lane) {
      threads_.emplace_back([this, lane] { helper(lane); });
    }
  } catch (...) {
    stop();  // a joinable thread that is destroyed would end the process
    throw;
  }
}

Team::~Team() { stop(); }

void Team::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    epoch_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::work(Region& region, int lane) {
  for (;;) {
    const int64_t index = region.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= region.count) return;
    try {
      region.body(index, lane);
    } catch (...) {
      region.next.store(region.count, std::memory_order_relaxed);
      std::lock_guard<std::mutex> lock(region.mutex);
      if (region.error == nullptr) region.error = std::current_exception();
    }
  }
}

void Team::parallel_for(int64_t count, LaneBody body) {
  if (threads_.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  Region region(count, body);
  region_ = &region;
  busy_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    epoch_.fetch_add(1, std::memory_order_release);
    wake = parked_ > 0;
  }
  if (wake) wake_.notify_all();
  work(region, 0);
  // Helpers borrow `region` from this stack frame: wait until the last one has left it.
  for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
  if (region.error != nullptr) std::rethrow_exception(region.error);
}

void Team::helper(int lane) {
  uint64_t seen = 0;
  for (;;) {
    for (int spins = 0; spins < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spins)
      relax();
    if (epoch_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++parked_;
      wake_.wait(lock, [&] { return epoch_.load(std::memory_order_relaxed) != seen; });
      --parked_;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stop_) return;
    }
    // Every helper passes through every region (busy_ waits for it), so epochs are never skipped.
    ++seen;
    work(*region_, lane);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace sinter
