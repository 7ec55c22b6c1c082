// A parallel region opens with an odd ticket and closes with the next even one. Helpers spin on the
// ticket for a short while (layers follow each other within microseconds), then park, so an idle
// engine uses no CPU. The caller waits only for helpers that have joined the region: a helper that
// the system has not scheduled yet costs nothing.
#include "base/team.h"

#include <chrono>

namespace sinter {
namespace {

// How long a helper spins for the next region before it parks: longer than a caller takes between
// two short texts, so that a stream of them finds the helpers awake.
constexpr std::chrono::microseconds kAwake{500};
// Checks of the ticket between two readings of the clock.
constexpr int kSpins = 256;

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

Team::Team(int lanes) : clocks_(static_cast<size_t>(lanes - 1)) {
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
    stop_.store(true);
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
  // ticket_ and joined_ are sequentially consistent, which decides every race below: a helper that
  // joined before the region closed is waited for, and one that joins later sees that it is closed.
  // ticket_ and parked_ likewise: either the helper sees the new ticket, or this thread sees the
  // helper parked.
  ticket_.fetch_add(1);
  if (parked_.load() > 0) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
    }
    wake_.notify_all();
  }
  work(region, 0);
  ticket_.fetch_add(1);
  for (int spins = 0; joined_.load() != 0; ++spins) {
    if (spins < kSpins) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
  if (region.error != nullptr) std::rethrow_exception(region.error);
}

uint64_t Team::await_ticket(uint64_t seen) {
  const auto deadline = std::chrono::steady_clock::now() + kAwake;
  do {
    for (int spins = 0; spins < kSpins; ++spins) {
      const uint64_t ticket = ticket_.load(std::memory_order_acquire);
      if (ticket % 2 == 1 && ticket != seen) return ticket;
      relax();
    }
    // Another thread may need this core, such as the one that the results go to; on an idle core
    // yielding costs nothing.
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < deadline && !stop_.load(std::memory_order_relaxed));
  std::unique_lock<std::mutex> lock(mutex_);
  parked_.fetch_add(1);
  uint64_t ticket = 0;
  wake_.wait(lock, [&] {
    ticket = ticket_.load();
    return stop_.load() || (ticket % 2 == 1 && ticket != seen);
  });
  parked_.fetch_sub(1);
  return ticket;
}

void Team::helper(int lane) {
  LaneClock& clock = clocks_[static_cast<size_t>(lane - 1)];
  clock.start();
  uint64_t seen = 0;
  while (!stop_.load()) {
    const uint64_t ticket = await_ticket(seen);
    if (ticket % 2 == 0 || ticket == seen) continue;
    seen = ticket;
    joined_.fetch_add(1);
    if (ticket_.load() == ticket) {
      clock.begin();
      work(*region_, lane);
      clock.end();
    }
    joined_.fetch_sub(1);
  }
}

}  // namespace sinter
