// Shared by softmax and attention: the exponentials of a row, and the logarithm of their sum.
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

// x[i] <- 2^x[i] for x[i] <= 0 or NaN: the exponential of attention, whose scores are already
// multiplied by log2(e). At most 1.95 ulp from exact down to x = -126, 0 below -126.5, 1 at 0; NaN
// stays NaN. A polynomial of degree 5 is enough for that; degree 6 has 0.79 ulp and costs 2 % of
// attention.
template <class V, int count>
SINTER_SIMD void exp2_nonpositive(V (&x)[count]) {
  const V magic = V::set(12583039.0f);  // 1.5 * 2^23 + 127: the low bits of t are n + 127
  constexpr float kPolynomial[] = {0.00967129413038f, 0.0555071122944f, 0.240222468972f,
                                   0.693147003651f, 1.0f};
  V t[count], r[count], p[count];
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    x[i] = max(V::set(-127.0f), x[i]);  // below it 2^x is 0; keeps NaN
    t[i] = x[i] + magic;
    r[i] = x[i] - (t[i] - magic);  // exact
    p[i] = V::set(0.0013269407209f);
  }
#pragma GCC unroll 8
  for (int k = 0; k < 5; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) p[i] = fma(p[i], r[i], V::set(kPolynomial[k]));
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) x[i] = p[i] * as_float(shift_left<23>(as_int(t[i])));
}

// Natural logarithm of a positive float. It is computed in double without a library, so that every
// machine gets the same bits: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) /
// (m + 1)) as a series with error below 1e-16. NaN and infinity return themselves.
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
