// Functions that several losses share. Rows are split among the lanes; their losses are summed in
// order, in double, so the number of lanes changes no bit.
#pragma once

#include <optional>
#include <vector>

#include "ops/portable_math.h"
#include "train/losses/loss.h"

namespace sinter {

// The factor of the gradient of a loss that is divided by `count`.
inline float gradient_share(double weight, int64_t count) {
  return count == 0 ? 0.0f : static_cast<float>(weight) / static_cast<float>(count);
}

inline double loss_mean(const std::vector<float>& losses, int64_t count) {
  double sum = 0;
  for (float one : losses) sum += one;
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

inline double mean_of(const std::vector<double>& losses) {
  double sum = 0;
  for (double one : losses) sum += one;
  return losses.empty() ? 0 : sum / static_cast<double>(losses.size());
}

// In double, in increasing order.
inline double dot_product(const float* a, const float* b, int64_t width) {
  double sum = 0;
  for (int64_t k = 0; k < width; ++k) sum += static_cast<double>(a[k]) * b[k];
  return sum;
}

// A loss of independent elements, computed by `kernel`.
using ElementKernel = decltype(LossKernels::squared_error);
double element_loss(const LossCall& call, ElementKernel kernel);

// e^x for any x; NaN stays NaN.
inline double exp_any(double x) {
  constexpr double kEdge = 700;
  if (x < -kEdge) return 0;
  return x > kEdge ? portable_exp(kEdge) : (x == x ? portable_exp(x) : x);
}

// log(1 + e^x), and with -x the negated logarithm of sigmoid(x).
inline double softplus(double x) {
  if (x != x) return x;
  const double e = exp_any(x < 0 ? x : -x);
  // log1p by Kahan's quotient, which keeps all digits of a small e.
  const double one_more = 1 + e;
  const double log1p = one_more == 1 ? e : portable_log(one_more) * (e / (one_more - 1));
  return (x > 0 ? x : 0) + log1p;
}

inline double sigmoid_of(double x) {
  const double e = exp_any(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0) / (1 + e);
}

// base^power for base >= 0 and power >= 0; 0^0 is 1.
inline double power_of(double base, double power) {
  constexpr double kTiny = 1e-300;
  if (power == 0) return 1;
  if (base < kTiny) return 0;
  return base == base ? exp_any(power * portable_log(base)) : base;
}

// log of the sum of e^(x[c] * factor).
template <typename Number>
double log_sum_exp(const Number* x, int64_t n, double factor = 1) {
  double top = x[0] * factor, sum = 0;
  for (int64_t c = 1; c < n; ++c) top = x[c] * factor > top ? x[c] * factor : top;
  for (int64_t c = 0; c < n; ++c) sum += exp_any(x[c] * factor - top);
  return sum == sum ? top + portable_log(sum) : sum;
}

// Sums the losses of a call's rows. `one(i, dx)` returns the loss of row i and writes its gradient,
// both of weight 1; they are divided by `divisor` (0: the loss and the gradients are 0).
template <typename One>
double sum_rows(const LossCall& call, double divisor, const One& one) {
  constexpr int64_t kCost = 32;  // per element, in units of an addition
  std::vector<double> losses(static_cast<size_t>(call.rows));
  const int64_t width = call.width;
  const double share = divisor > 0 ? 1 / divisor : 0;
  const float factor = static_cast<float>(call.term.weight * share);
  call.run.parallel_ranges(call.rows, 1, kCost * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      float* dx = call.dx + i * width;
      losses[static_cast<size_t>(i)] = one(i, dx);
      for (int64_t c = 0; c < width; ++c) dx[c] = factor * dx[c];
    }
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return share * sum;
}

// The mean of losses of independent elements. `one(x, target, column)` returns the loss and the
// derivative of one.
struct ElementLoss {
  double loss, slope;
};
template <typename One>
double mean_elements(const LossCall& call, const One& one) {
  const int64_t width = call.width;
  const float* targets = call.term.values.data() + call.first_row * width;
  return sum_rows(call, static_cast<double>(call.count), [&](int64_t row, float* dx) {
    double sum = 0;
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = row * width + c;
      const ElementLoss found = one(call.x[at], targets[at], c);
      sum += found.loss;
      dx[c] = static_cast<float>(found.slope);
    }
    return sum;
  });
}

// The weight of a class or a column; 1 without weights.
inline double weight_at(const std::vector<float>& weights, int64_t index) {
  return weights.empty() ? 1.0 : static_cast<double>(weights[static_cast<size_t>(index)]);
}

// The rows of a call divided by their lengths; the products of such rows are cosines.
class UnitRows {
 public:
  explicit UnitRows(const LossCall& call);

  const float* row(int64_t index) const { return values_.data() + index * call_.width; }
  // The gradient of a unit row; undefined until the caller writes it.
  float* grad(int64_t index) { return grads_.data() + index * call_.width; }
  // Writes dx of the call from the gradients of the unit rows.
  void finish();

 private:
  const LossCall& call_;
  AlignedBuffer<float> values_, grads_;
};

// The rows that a loss compares: divided by their lengths for cosines, else as they are.
class ComparedRows {
 public:
  ComparedRows(const LossCall& call, bool unit) : call_(call) {
    if (unit) unit_.emplace(call);
  }

  const float* row(int64_t i) const { return unit_ ? unit_->row(i) : call_.x + i * call_.width; }
  // Undefined until the caller writes it.
  float* grad(int64_t i) { return unit_ ? unit_->grad(i) : call_.dx + i * call_.width; }
  // Writes dx of the call from the gradients of the rows.
  void finish() {
    if (unit_) unit_->finish();
  }

 private:
  const LossCall& call_;
  std::optional<UnitRows> unit_;
};

}  // namespace sinter
