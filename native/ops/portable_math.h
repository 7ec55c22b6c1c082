// Elementary functions in double, from additions and multiplications alone: the same bits on every
// machine, whatever its C library. Errors are below 1e-15 of the result (for cos and sin: below
// 1e-15 of 1).
#pragma once

#include <cstdint>

namespace sinter {

// Natural logarithm of a normal positive number.
double portable_log(double x);
// e^x for |x| < 700.
double portable_exp(double x);
// cos(x) and sin(x) for 0 <= x <= 2^20.
void portable_cos_sin(double x, double* cos, double* sin);
// x^n for 0 <= x <= 1 and n >= 0, the double next to the exact value; powers below 1e-290 may be 0.
double portable_power(double x, int64_t n);

}  // namespace sinter
