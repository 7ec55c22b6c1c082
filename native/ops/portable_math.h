// Elementary functions in double, from additions and multiplications alone: the same bits on every
// machine, whatever its C library. Errors are below 1e-15 of the result (for cos and sin: below
// 1e-15 of 1).
#pragma once

namespace sinter {

// Natural logarithm of a normal positive number.
double portable_log(double x);
// e^x for |x| < 700.
double portable_exp(double x);
// cos(x) and sin(x) for 0 <= x <= 2^20.
void portable_cos_sin(double x, double* cos, double* sin);

}  // namespace sinter
