// Dropout on any F32x16; the random bits are in dropout_math.h.
#pragma once

#include "base/simd/loops.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_math.h"

namespace sinter {
namespace {

template <class V>
void dropout_apply(int64_t n, uint64_t key, uint64_t index_base, uint32_t threshold,
                   float keep_scale, const float* x, float* y) {
  if (threshold == 0) {
    for_lanes<V>(n, [&](int64_t i, auto at) { at.store(at.load(x + i), y + i); });
    return;
  }
  DropoutStream stream(key, threshold);
  const V scale = V::set(keep_scale);
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const Mask16 keep = stream.keep(index_base + static_cast<uint64_t>(i));
    at.store(select(keep, at.load(x + i) * scale, V::zero()), y + i);
  });
}

template <class V>
constexpr DropoutKernels make_dropout_kernels() {
  return {dropout_apply<V>};
}

}  // namespace
}  // namespace sinter
