// The lanes and the scratch memory that a product may use. A pass implements it with its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/team.h"

namespace sinter {

class Lanes {
 public:
  virtual int lanes() const = 0;
  // Calls body(index, lane) for every index in [0, count). `work` estimates the multiply-adds or
  // loads of all indices together: below kMinWork one lane runs them all, because it ends before
  // another lane has started.
  virtual void parallel(int64_t count, int64_t work, LaneBody body) = 0;
  // Scratch that all lanes share, valid until the op ends. Call it before parallel work.
  virtual uint8_t* shared_scratch(int64_t bytes) = 0;
  // Scratch of one lane, from inside parallel work.
  virtual uint8_t* lane_bytes(int lane, int64_t bytes) = 0;

  // Calls body(begin, end, lane) on slices of [0, total), a few per lane, each a multiple of
  // `grain` long except the last. `cost` is the work of one element.
  template <typename Body>
  void parallel_ranges(int64_t total, int64_t grain, int64_t cost, const Body& body) {
    if (total <= 0) return;
    const int64_t grains = (total + grain - 1) / grain, work = total * cost;
    const bool alone = lanes() == 1 || work < kMinWork;
    const int64_t pieces = alone ? 1 : std::min<int64_t>(grains, 4 * lanes());
    parallel(pieces, work, [&](int64_t i, int lane) {
      const int64_t begin = grains * i / pieces * grain;
      const int64_t end = std::min(total, grains * (i + 1) / pieces * grain);
      if (begin < end) body(begin, end, lane);
    });
  }

 protected:
  // About 2 us of vector work, the cost of handing work to another lane.
  static constexpr int64_t kMinWork = 32768;

  ~Lanes() = default;
};

}  // namespace sinter
