// Parameter updates on any F32x16. The scalars of a step are prepared in double, then rounded once.
#pragma once

#include "base/simd/loops.h"
#include "kernels/optimizer/optimizer.h"

namespace sinter {
namespace {

// kCoupled: the decay is part of the gradient (Adam); else it shrinks the value (AdamW).
template <class V, bool kCoupled>
void adam_step(const AdamWStep& step, int64_t n, float* p, const float* grad, float* m, float* v) {
  const V grad_scale = V::set(static_cast<float>(step.grad_scale));
  const V keep = V::set(kCoupled ? 1.0f : static_cast<float>(1.0 - step.lr * step.decay));
  const V decay = V::set(static_cast<float>(step.decay));
  const V rate1 = V::set(static_cast<float>(1.0 - step.beta1));
  const V rate2 = V::set(static_cast<float>(1.0 - step.beta2));
  const V beta2 = V::set(static_cast<float>(step.beta2));
  const V step_size = V::set(static_cast<float>(step.lr / step.correction1));
  const V root2 = V::set(static_cast<float>(__builtin_sqrt(step.correction2)));
  const V epsilon = V::set(static_cast<float>(step.epsilon));
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V scaled = at.load(grad + i) * grad_scale;
    const V g = kCoupled ? fma(decay, at.load(p + i), scaled) : scaled;
    const V m0 = at.load(m + i);
    const V m1 = fma(g - m0, rate1, m0);
    const V v1 = fma(g * rate2, g, at.load(v + i) * beta2);
    const V update = m1 / (sqrt(v1) / root2 + epsilon);
    at.store(m1, m + i);
    at.store(v1, v + i);
    at.store(fnma(step_size, update, at.load(p + i) * keep), p + i);
  });
}

template <class V>
void sgd_step(const SgdStep& step, int64_t n, float* p, const float* grad, float* momentum_buffer) {
  const V grad_scale = V::set(static_cast<float>(step.grad_scale));
  const V decay = V::set(static_cast<float>(step.decay));
  const V momentum = V::set(static_cast<float>(step.momentum));
  const V rate = V::set(static_cast<float>(step.lr));
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V p0 = at.load(p + i);
    const V g = fma(decay, p0, at.load(grad + i) * grad_scale);
    V change = g;
    if (momentum_buffer != nullptr) {
      const V b = fma(momentum, at.load(momentum_buffer + i), g);
      at.store(b, momentum_buffer + i);
      change = step.nesterov ? fma(momentum, b, g) : b;
    }
    at.store(fnma(rate, change, p0), p + i);
  });
}

template <class V>
void lion_step(const LionStep& step, int64_t n, float* p, const float* grad, float* m) {
  const V grad_scale = V::set(static_cast<float>(step.grad_scale));
  const V keep = V::set(static_cast<float>(1.0 - step.lr * step.decay));
  const V beta1 = V::set(static_cast<float>(step.beta1));
  const V beta2 = V::set(static_cast<float>(step.beta2));
  const V rate1 = V::set(static_cast<float>(1.0 - step.beta1));
  const V rate2 = V::set(static_cast<float>(1.0 - step.beta2));
  const V rate = V::set(static_cast<float>(step.lr));
  const V zero = V::zero(), one = V::set(1.0f);
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V g = at.load(grad + i) * grad_scale;
    const V m0 = at.load(m + i);
    const V u = fma(beta1, m0, rate1 * g);
    // The sign of a NaN differs between ISAs, so a NaN is kept as it is.
    const V sign = select(u == u, select(u == zero, zero, copy_sign(one, u)), u);
    at.store(fma(beta2, m0, rate2 * g), m + i);
    at.store(fnma(rate, sign, at.load(p + i) * keep), p + i);
  });
}

// The direction of LAMB, from the updated moments.
template <class V>
struct LambDirection {
  V inverse1, root2, epsilon, decay;

  explicit SINTER_SIMD LambDirection(const AdamWStep& step)
      : inverse1(V::set(static_cast<float>(1.0 / step.correction1))),
        root2(V::set(static_cast<float>(__builtin_sqrt(step.correction2)))),
        epsilon(V::set(static_cast<float>(step.epsilon))),
        decay(V::set(static_cast<float>(step.decay))) {}

  SINTER_SIMD V operator()(const V& p, const V& m, const V& v) const {
    return fma(decay, p, (m * inverse1) / (sqrt(v) / root2 + epsilon));
  }
};

template <class V>
LambSquares lamb_moments(const AdamWStep& step, int64_t n, const float* p, const float* grad,
                         float* m, float* v) {
  const V grad_scale = V::set(static_cast<float>(step.grad_scale));
  const V rate1 = V::set(static_cast<float>(1.0 - step.beta1));
  const V rate2 = V::set(static_cast<float>(1.0 - step.beta2));
  const V beta2 = V::set(static_cast<float>(step.beta2));
  const LambDirection<V> direction(step);
  F64x16 values = F64x16::zero(), updates = F64x16::zero();
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V g = at.load(grad + i) * grad_scale;
    const V m0 = at.load(m + i);
    const V m1 = fma(g - m0, rate1, m0);
    const V v1 = fma(g * rate2, g, at.load(v + i) * beta2);
    const V p0 = at.load(p + i);
    at.store(m1, m + i);
    at.store(v1, v + i);
    const F64x16 wide = widen(p0), update = widen(direction(p0, m1, v1));
    values = fma(wide, wide, values);
    updates = fma(update, update, updates);
  });
  return {reduce_add(values), reduce_add(updates)};
}

template <class V>
void lamb_apply(const AdamWStep& step, double ratio, int64_t n, float* p, const float* m,
                const float* v) {
  const V rate = V::set(static_cast<float>(step.lr * ratio));
  const LambDirection<V> direction(step);
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V p0 = at.load(p + i);
    at.store(fnma(rate, direction(p0, at.load(m + i), at.load(v + i)), p0), p + i);
  });
}

template <class V>
void clamp_all(int64_t n, float limit, float* x) {
  const V high = V::set(limit), low = V::set(-limit);
  // min and max return their second argument where one is NaN.
  for_lanes<V>(n,
               [&](int64_t i, auto at) { at.store(min(high, max(low, at.load(x + i))), x + i); });
}

template <class V>
void blend_all(int64_t n, float rate, const float* x, float* mean) {
  const V r = V::set(rate);
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V m = at.load(mean + i);
    at.store(fma(r, at.load(x + i) - m, m), mean + i);
  });
}

template <class V>
void scale_all(int64_t n, float factor, float* p) {
  const V f = V::set(factor);
  for_lanes<V>(n, [&](int64_t i, auto at) { at.store(at.load(p + i) * f, p + i); });
}

template <class V>
double sum_squares(int64_t n, const float* x) {
  F64x16 sum = F64x16::zero();
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const F64x16 d = widen(at.load(x + i));
    sum = fma(d, d, sum);
  });
  return reduce_add(sum);
}

template <class V>
constexpr OptimizerKernels make_optimizer_kernels() {
  return {adam_step<V, false>, adam_step<V, true>, lion_step<V>, lamb_moments<V>, lamb_apply<V>,
          sgd_step<V>,         scale_all<V>,       clamp_all<V>, blend_all<V>,    sum_squares<V>};
}

}  // namespace
}  // namespace sinter
