// cosine_distance: the targets are vectors of a teacher. The mean over the rows of 1 - cosine. A
// row of zeros, on either side, has the loss 1 and no gradient.
#include <cmath>

#include "train/losses/parts.h"

namespace sinter {

double cosine_distance_loss(const LossCall& call) {
  const int64_t width = call.width;
  const float* teachers = call.term.values.data() + call.first_row * width;
  return sum_rows(call, static_cast<double>(call.count), [&](int64_t row, float* dx) {
    const float* x = call.x + row * width;
    const float* teacher = teachers + row * width;
    const double own = dot_product(x, x, width);
    const double lengths = std::sqrt(own) * std::sqrt(dot_product(teacher, teacher, width));
    if (lengths == 0) {
      for (int64_t c = 0; c < width; ++c) dx[c] = 0.0f;
      return 1.0;
    }
    const double cosine = dot_product(x, teacher, width) / lengths;
    for (int64_t c = 0; c < width; ++c) {
      dx[c] = static_cast<float>(cosine * x[c] / own - teacher[c] / lengths);
    }
    return 1 - cosine;
  });
}

}  // namespace sinter
