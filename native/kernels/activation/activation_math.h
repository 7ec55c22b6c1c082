// exp, tanh, gelu and friends on 16 virtual lanes: one polynomial and one order of fma for every
// ISA, so every kernel that ends in an activation gives the same bits everywhere. Include after one
// header of base/simd.
//
// The coefficients are minimax fits (Lawson-weighted least squares at Chebyshev nodes, in 40
// digits), rounded to float. Largest errors, measured against float64 on every 7th float of the
// range:
//   exp 0.88 ulp on [-87.3, 88.7]    tanh 1.4 ulp everywhere
//   gelu 1.0e-7 and gelu_tanh 1.3e-7 relative to max(1, |x|), |x| <= 100
//   their derivatives 2.9e-7 and 2.2e-7 absolute
#pragma once

#include "kernels/activation/activation_kind.h"

namespace sinter {
namespace {

// Vectors that a loop takes through a long polynomial at once. One vector alone would wait for the
// result of every step; four registers and their temporaries still fit the register file.
template <class V>
constexpr int kTogether = 4 / V::kRegisters;

// e^x. Results that would be subnormal (x < -87.33654) are 0; results above x = 88.72283 are inf;
// NaN stays NaN.
template <class V>
SINTER_SIMD V exp(V x) {
  // x = n ln2 + r with |r| <= ln2 / 2; adding 1.5 * 2^23 leaves n in the low bits of t.
  const V magic = V::set(12582912.0f);
  const V t = fma(x, V::set(1.44269504f), magic);
  const V n = t - magic;
  V r = fnma(n, V::set(0.693145752f), x);  // ln2 in two parts, so that n * the first is exact
  r = fnma(n, V::set(1.42860677e-6f), r);
  V p = V::set(0.00138145898991f);
  p = fma(p, r, V::set(0.00836871771175f));
  p = fma(p, r, V::set(0.0416683882282f));
  p = fma(p, r, V::set(0.166665206228f));
  p = fma(p, r, V::set(0.499999934469f));
  p = fma(p, r, V::set(1.0f));
  p = fma(p, r, V::set(1.0f));
  // Multiplies p by 2^n by adding n to its exponent: exact between the limits, replaced outside
  // them.
  const V scaled = as_float(as_int(p) + shift_left<23>(as_int(t)));
  const V flushed = select(x < V::set(-87.33654f), V::zero(), scaled);
  return select(x <= V::set(88.7228317f), flushed, x * V::set(3.40282347e38f));
}

// An odd polynomial up to |x| = 0.625, above it 1 - 2 / (e^2|x| + 1); exactly +-1 from 9.02 on.
template <class V>
SINTER_SIMD V tanh(V x) {
  const V one = V::set(1.0f), two = V::set(2.0f);
  const V t = abs(x), u = x * x;
  V p = V::set(-0.00570495276258f);
  p = fma(p, u, V::set(0.0206390535353f));
  p = fma(p, u, V::set(-0.0537397034962f));
  p = fma(p, u, V::set(0.133314420377f));
  p = fma(p, u, V::set(-0.333332819348f));
  const V near = fma(p * u, x, x);
  const V far = copy_sign(one - two / (exp(t + t) + one), x);
  return select(t < V::set(0.625f), near, far);
}

// t[i] <- erfc(t[i] / sqrt(2)) / 2 for 0 <= t <= kTailEnd. It is computed as 2^(g t) / 2, where g
// is a polynomial in t and g t is nearly a parabola. The fit is weighted so that the error of t *
// tail is below 3e-8 of max(1, t); where the tail is below 1e-6 its own relative error grows, to 17
// % at the end, where the tail is 2e-38.
constexpr float kTailEnd = 12.9f;
template <class V, int count>
SINTER_SIMD void half_tail(V (&t)[count]) {
  constexpr float kExponent[] = {-1.34401848e-06f, 1.7015373e-05f, -6.95004297e-05f,
                                 -0.000437337749f, 0.0074784181f,  -0.0528011895f,
                                 -0.459099702f,    -1.1511192f};
  constexpr float kPower[] = {0.00483580995128f, 0.02775367537505f, 0.1201112022045f,
                              0.3465734881765f, 0.5f};
  V g[count], n[count], r[count], p[count];
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) g[i] = V::set(3.73352258e-08f);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) g[i] = fma(g[i], t[i], V::set(kExponent[k]));
  }
  // 2^(g t) / 2 = 2^n 2^r / 2 as in exp; g t >= -125, so the exponent stays normal.
  const V magic = V::set(12582912.0f);
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) {
    n[i] = fma(g[i], t[i], magic);
    r[i] = fma(g[i], t[i], magic - n[i]);
    p[i] = V::set(0.000663228885945f);
  }
#pragma GCC unroll 8
  for (int k = 0; k < 5; ++k) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) p[i] = fma(p[i], r[i], V::set(kPower[k]));
  }
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) t[i] = as_float(as_int(p[i]) + shift_left<23>(as_int(n[i])));
}

// min(|x|, kTailEnd), the argument of half_tail. This order of operands keeps NaN.
template <class V>
SINTER_SIMD V tail_position(V x) {
  return min(V::set(kTailEnd), abs(x));
}

// x Phi(x), computed as max(x, 0) - |x| (1 - Phi(|x|)): no cancellation for negative x.
template <class V, int count>
SINTER_SIMD void gelu(V (&x)[count]) {
  V tail[count];
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) tail[i] = tail_position(x[i]);
  half_tail(tail);
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) x[i] = fnma(tail_position(x[i]), tail[i], max(V::zero(), x[i]));
}

// z(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3), so that gelu_tanh(x) = x sigmoid(z).
template <class V>
SINTER_SIMD V gelu_tanh_argument(V x) {
  return x * fma(x * x, V::set(0.0713548163f), V::set(1.59576912f));
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): Hugging Face's gelu_new.
template <class V>
SINTER_SIMD V gelu_tanh(V x) {
  return x / (V::set(1.0f) + exp(V::zero() - gelu_tanh_argument(x)));
}

// x sigmoid(x). NaN at -inf, because it is -inf times 0.
template <class V>
SINTER_SIMD V silu(V x) {
  return x / (V::set(1.0f) + exp(V::zero() - x));
}

// z(x) = 1.702 x, so that quick_gelu(x) = x sigmoid(z).
template <class V>
SINTER_SIMD V quick_gelu_argument(V x) {
  return x * V::set(1.702f);
}

// x sigmoid(1.702 x). NaN at -inf, as for silu.
template <class V>
SINTER_SIMD V quick_gelu(V x) {
  return x / (V::set(1.0f) + exp(V::zero() - quick_gelu_argument(x)));
}

// NaN passes.
template <class V>
SINTER_SIMD V relu(V x) {
  return max(V::zero(), x);
}

template <class V>
SINTER_SIMD V activate(Activation kind, V x) {
  switch (kind) {
    case Activation::gelu: {
      V values[1] = {x};
      gelu(values);
      return values[0];
    }
    case Activation::gelu_tanh:
      return gelu_tanh(x);
    case Activation::relu:
      return relu(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::silu:
      return silu(x);
    case Activation::quick_gelu:
      return quick_gelu(x);
    case Activation::none:
      break;
  }
  return x;
}

// x[i] <- activate(kind, x[i]).
template <class V, int count>
SINTER_SIMD void activate_all(Activation kind, V (&x)[count]) {
  if (kind == Activation::gelu) return gelu(x);
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) x[i] = activate(kind, x[i]);
}

// Phi(x) + x phi(x). phi is taken at a clamped x: beyond it phi is 0 in float, and the clamp avoids
// inf * 0.
template <class V>
SINTER_SIMD V gelu_derivative(V x) {
  const V c = max(V::set(-14.0f), min(V::set(14.0f), x));
  const V bell = V::set(0.398942280f) * exp(V::set(-0.5f) * c * c);
  V tail[1] = {tail_position(x)};
  half_tail(tail);
  const V phi = select(x < V::zero(), tail[0], V::set(1.0f) - tail[0]);
  return fma(c, bell, phi);
}

// The derivative of x sigmoid(z(x)), s + slope s (1 - s) with s = sigmoid(z) and slope = x z'(x).
// It is computed from e^-|z|, so that s (1 - s) keeps its digits.
template <class V>
SINTER_SIMD V sigmoid_product_derivative(V z, V slope) {
  const V one = V::set(1.0f);
  const V e = exp(V::zero() - abs(z));
  const V high = one / (one + e), low = e * high;
  const V s = select(z < V::zero(), low, high);
  return fma(slope, low * high, s);
}

// The derivative of x sigmoid(z(x)) for the z of gelu_tanh.
template <class V>
SINTER_SIMD V gelu_tanh_derivative(V x) {
  const V c = max(V::set(-14.0f), min(V::set(14.0f), x));  // s is 0 or 1 beyond
  const V slope = c * fma(c * c, V::set(0.214064449f), V::set(1.59576912f));
  return sigmoid_product_derivative(gelu_tanh_argument(c), slope);
}

// The derivative of x sigmoid(x): z is x, and so is the slope.
template <class V>
SINTER_SIMD V silu_derivative(V x) {
  const V c = max(V::set(-100.0f), min(V::set(100.0f), x));  // s is 0 or 1 beyond
  return sigmoid_product_derivative(c, c);
}

// The derivative of x sigmoid(1.702 x): the slope x z'(x) equals z.
template <class V>
SINTER_SIMD V quick_gelu_derivative(V x) {
  const V z = quick_gelu_argument(max(V::set(-60.0f), min(V::set(60.0f), x)));
  return sigmoid_product_derivative(z, z);
}

// f'(x) of activate.
template <class V>
SINTER_SIMD V activate_derivative(Activation kind, V x) {
  switch (kind) {
    case Activation::gelu:
      return gelu_derivative(x);
    case Activation::gelu_tanh:
      return gelu_tanh_derivative(x);
    case Activation::relu:
      return select(V::zero() < x, V::set(1.0f), V::zero());
    case Activation::tanh: {
      const V t = tanh(x);
      return fnma(t, t, V::set(1.0f));
    }
    case Activation::silu:
      return silu_derivative(x);
    case Activation::quick_gelu:
      return quick_gelu_derivative(x);
    case Activation::none:
      break;
  }
  return V::set(1.0f);
}

}  // namespace
}  // namespace sinter
