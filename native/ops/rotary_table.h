// Cosines and sines of rotary embeddings, as PyTorch computes them in float32: the frequency is
// 1 / theta^(2 i / dimensions), the angle its product with the position, each rounded to float.
// Tables are shared by all operations of the process that have the same theta and dimensions.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "base/aligned.h"

namespace sinter {

// Cosines and sines of positions 0 to `positions` - 1; row p holds `half` values of each.
struct RotaryTable {
  int64_t positions = 0, half = 0;
  AlignedBuffer<float> cos, sin;
};

class RotaryTables {
 public:
  RotaryTables(double theta, int64_t dimensions) : theta_(theta), dimensions_(dimensions) {}

  // A table of at least `positions` positions, at most 2^20. Any thread. A table grows on demand,
  // so that its memory follows the longest text so far, not the longest that the model allows.
  std::shared_ptr<const RotaryTable> up_to(int64_t positions);

 private:
  const double theta_;
  const int64_t dimensions_;
  std::mutex mutex_;
  std::shared_ptr<const RotaryTable> table_;
};

std::shared_ptr<RotaryTables> rotary_tables(double theta, int64_t dimensions);

}  // namespace sinter
