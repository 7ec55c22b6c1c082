// angle (Li and Li 2023, as sentence-transformers computes it): cosent with another similarity. The
// first half of a row is the real part of a complex vector, the second half its imaginary part (0
// where the width is odd); the similarity of x and y is |sum of Re and Im of x conj(y)| / (|x|
// |y|).
#include <cmath>

#include "train/losses/parts.h"
#include "train/losses/ranked_pairs.h"

namespace sinter {
namespace {

// A row of an odd width has no last imaginary number.
float imaginary(const float* row, int64_t k, int64_t half, int64_t width) {
  return half + k < width ? row[half + k] : 0.0f;
}

double signed_angle(const float* x, const float* y, int64_t width) {
  const int64_t half = (width + 1) / 2;
  double sum = 0;
  for (int64_t k = 0; k < half; ++k) {
    const double a = x[k], b = imaginary(x, k, half, width);
    const double c = y[k], d = imaginary(y, k, half, width);
    sum += a * c + b * d + b * c - a * d;
  }
  return sum;
}

// Writes slope * the gradient of signed_angle.
void angle_gradient(const float* x, const float* y, int64_t width, float slope, float* dx,
                    float* dy) {
  const int64_t half = (width + 1) / 2;
  for (int64_t k = 0; k < half; ++k) {
    const float a = x[k], b = imaginary(x, k, half, width);
    const float c = y[k], d = imaginary(y, k, half, width);
    dx[k] = slope * (c - d);
    dy[k] = slope * (a + b);
    if (half + k >= width) continue;
    dx[half + k] = slope * (c + d);
    dy[half + k] = slope * (b - a);
  }
}

}  // namespace

double angle_loss(const LossCall& call) {
  const int64_t pairs = static_cast<int64_t>(call.term.values.size()), width = call.width;
  UnitRows unit(call);
  std::vector<double> sums(call.term.values.size()), angles(sums.size()), slopes;
  call.run.parallel_ranges(pairs, 1, 8 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      sums[at] = signed_angle(unit.row(i), unit.row(pairs + i), width);
      angles[at] = std::fabs(sums[at]);
    }
  });
  const double loss = rank_pairs(call, angles, slopes);
  call.run.parallel_ranges(pairs, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      const double sign = sums[at] > 0 ? 1 : sums[at] < 0 ? -1 : 0;
      angle_gradient(unit.row(i), unit.row(pairs + i), width, static_cast<float>(sign * slopes[at]),
                     unit.grad(i), unit.grad(pairs + i));
    }
  });
  unit.finish();
  return loss;
}

}  // namespace sinter
