// Range reduction and series. It is compiled with -ffp-contract=off, so that no compiler fuses a
// multiplication with an addition.
#include "ops/portable_math.h"

#include <cstdint>
#include <cstring>

namespace sinter {
namespace {

constexpr double kLn2High =
    0x1.62e42fefap-1;  // 36 bits of ln 2: n * it is exact for a small integer n
constexpr double kLn2Low = 0x1.cf79abc9e3b3ap-40;

// high + low, where low is at most half a unit in the last place of high.
struct Twofold {
  double high, low;
};

// x in two halves of 26 bits, whose products are exact (Veltkamp 1968).
Twofold halves(double x) {
  const double shifted = x * 134217729.0;  // 2^27 + 1
  const double high = shifted - (shifted - x);
  return {high, x - high};
}

// a * b to some 100 bits (Dekker 1971). A fused multiplication would be shorter, but not every C
// library has a right one.
Twofold product(Twofold a, Twofold b) {
  const double high = a.high * b.high;
  const Twofold x = halves(a.high), y = halves(b.high);
  const double error = ((x.high * y.high - high) + x.high * y.low + x.low * y.high) + x.low * y.low;
  const double low = error + (a.high * b.low + a.low * b.high);
  const double sum = high + low;
  return {sum, low - (sum - high)};
}

}  // namespace

double portable_log(double x) {
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| <
  // 0.172.
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  int e = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
  double m;
  std::memcpy(&m, &bits, sizeof(m));
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double series = 0.0;
  for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * z;
  return e * kLn2High + (2.0 * s + (2.0 * s * series + e * kLn2Low));
}

double portable_exp(double x) {
  const double turns = x * 1.4426950408889634;
  const int n = static_cast<int>(turns + (turns < 0 ? -0.5 : 0.5));
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| < 0.35
  double series = 1.0;
  for (int k = 14; k >= 1; --k) series = 1.0 + series * r / k;
  const uint64_t bits = static_cast<uint64_t>(n + 1023) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof(power));
  return series * power;
}

void portable_cos_sin(double x, double* cos, double* sin) {
  // pi / 2 in three parts of 33 bits: the products with n < 2^20 are exact (Cody and Waite).
  constexpr double kHigh = 0x1.921fb544p+0, kMiddle = 0x1.0b4611a6p-34,
                   kLow = 0x1.3198a2e037073p-69;
  const int64_t n = static_cast<int64_t>(x * 0.6366197723675814 + 0.5);
  const double turns = static_cast<double>(n);
  const double r = ((x - turns * kHigh) - turns * kMiddle) - turns * kLow, z = r * r;
  double c = 1.0, s = 1.0;  // cosine and sine of the angle r, |r| <= pi / 4
  for (int k = 18; k >= 2; k -= 2) c = 1.0 - c * z / (k * (k - 1));
  for (int k = 18; k >= 2; k -= 2) s = 1.0 - s * z / (k * (k + 1));
  s *= r;
  const bool swap = (n & 1) != 0;
  const double a = swap ? s : c, b = swap ? c : s;
  *cos = (n & 3) == 1 || (n & 3) == 2 ? -a : a;
  *sin = (n & 3) >= 2 ? -b : b;
}

double portable_power(double x, int64_t n) {
  Twofold power{1, 0};
  for (Twofold square{x, 0}; n > 0; n >>= 1) {
    if (n & 1) power = product(power, square);
    square = product(square, square);
  }
  return power.high + power.low;
}

}  // namespace sinter
