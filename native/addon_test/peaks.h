// The measured arithmetic peaks of one thread, for the kernel bench.
#pragma once

#include <vector>

#include "base/isa.h"

namespace sinter {

struct Peak {
  const char* kind;  // "f32" (fma) or "s8" (the exact int8 dot product of the level)
  Isa isa;
  double operations_a_second;  // a multiply and an add count as two
};

// One entry per kind and level that the host can run.
std::vector<Peak> measure_peaks();

}  // namespace sinter
