// Parameter updates on any F32x16. The scalars of a step are prepared in double, then rounded once.
#pragma once

#include "base/simd/loops.h"
#include "kernels/optimizer/optimizer.h"

namespace sinter {
namespace {

template <class V>
void adamw_step(const AdamWStep& step, int64_t n, float* p, const float* grad, float* m, float* v) {
  const V grad_scale = V::set(static_cast<float>(step.grad_scale));
  const V keep = V::set(static_cast<float>(1.0 - step.lr * step.decay));
  const V rate1 = V::set(static_cast<float>(1.0 - step.beta1));
  const V rate2 = V::set(static_cast<float>(1.0 - step.beta2));
  const V beta2 = V::set(static_cast<float>(step.beta2));
  const V step_size = V::set(static_cast<float>(step.lr / step.correction1));
  const V root2 = V::set(static_cast<float>(__builtin_sqrt(step.correction2)));
  const V epsilon = V::set(static_cast<float>(step.epsilon));
  for_lanes<V>(n, [&](int64_t i, auto at) {
    const V g = at.load(grad + i) * grad_scale;
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
  return {adamw_step<V>, sgd_step<V>, scale_all<V>, sum_squares<V>};
}

}  // namespace
}  // namespace sinter
