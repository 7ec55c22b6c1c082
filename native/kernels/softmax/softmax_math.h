// The exponentials of a row and the logarithm of their sum, shared by softmax and attention.
// Include after one header of base/simd. A row is shifted by its maximum, so the largest
// exponential is 1 and nothing overflows.
#pragma once

#include "base/simd/loops.h"
#include "kernels/activation/activation_math.h"

namespace sinter {
namespace {

// y <- exp(x - largest); returns the sum. y may alias x.
template <class V>
SINTER_SIMD float exp_row(int64_t n, const float* x, float largest, float* y) {
  const V shift = V::set(largest);
  return sum_lanes<V>(n, [&](V sum, int64_t i, auto at) {
    const V e = exp(at.load(x + i, -__builtin_inff()) - shift);
    at.store(e, y + i);
    return sum + e;
  });
}

// Natural logarithm of a positive float, in double without a library, so that every machine gets
// the same bits: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)) as a
// series with error below 1e-16. NaN and infinity return themselves.
inline double log_of(float x) {
  if (!(x < __builtin_inff())) return static_cast<double>(x);
  double m = static_cast<double>(x);
  uint64_t u;
  __builtin_memcpy(&u, &m, 8);
  int e = static_cast<int>(u >> 52) - 1023;
  u = (u & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
  __builtin_memcpy(&m, &u, 8);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double series = 0.0;
  for (int k = 21; k >= 1; k -= 2) series = series * z + 1.0 / k;
  return e * 0.6931471805599453 + 2.0 * s * series;
}

}  // namespace
}  // namespace sinter
