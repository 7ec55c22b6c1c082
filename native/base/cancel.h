// A flag that another thread may raise to cancel a call. The work checks it between micro-batches
// and between operations.
#pragma once

#include <atomic>

#include "base/errors.h"

namespace sinter {

class Cancel {
 public:
  void request() { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const { return requested_.load(std::memory_order_relaxed); }
  void check() const {
    if (requested()) throw Error(ErrorCode::CANCELLED, "the call was cancelled");
  }

 private:
  std::atomic<bool> requested_{false};
};

}  // namespace sinter
