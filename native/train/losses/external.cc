// external: a loss that the caller has computed; the targets are its gradient, and its value here
// is 0.
#include "train/losses/parts.h"

namespace sinter {

double external_loss(const LossCall& call) {
  const int64_t width = call.width;
  const float weight = static_cast<float>(call.term.weight);
  const float* gradient = call.term.values.data() + call.first_row * width;
  call.run.parallel_ranges(call.rows * width, 1024, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) call.dx[i] = weight * gradient[i];
  });
  return 0;
}

}  // namespace sinter
