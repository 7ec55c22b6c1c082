// The lanes and the scratch memory that a product may use: those of the pass that runs it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/team.h"

namespace sinter {

class Lanes {
 public:
  virtual int lanes() const = 0;
  // body(index, lane) for every index in [0, count). `work` is about the number of multiply-adds or
  // loads of it all: below kMinWork a lane is done before another one has heard of it.
  virtual void parallel(int64_t count, int64_t work, LaneBody body) = 0;
  // Scratch for the whole op; valid until the op ends. Call it before parallel work.
  virtual uint8_t* shared_scratch(int64_t bytes) = 0;
  // Scratch of one lane, from inside parallel work.
  virtual uint8_t* lane_bytes(int lane, int64_t bytes) = 0;

  // body(begin, end, lane) over [0, total) in slices of a multiple of `grain`, a few per lane;
  // `cost` is the work of one unit.
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
  // Some 2 us of vector work: what handing it over costs.
  static constexpr int64_t kMinWork = 32768;

  ~Lanes() = default;
};

}  // namespace sinter
