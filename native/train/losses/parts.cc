// The loss of independent elements, and rows of length 1.
#include "train/losses/parts.h"

namespace sinter {

double element_loss(const LossCall& call, ElementKernel kernel) {
  const int64_t width = call.width;
  std::vector<float> losses(static_cast<size_t>(call.rows));
  const float* targets = call.term.values.data() + call.first_row * width;
  const float factor = gradient_share(call.term.weight, call.count);
  call.run.parallel_ranges(call.rows, 16, 4 * width, [&](int64_t begin, int64_t end, int) {
    kernel(end - begin, width, call.x + begin * width, targets + begin * width, factor,
           losses.data() + begin, call.dx + begin * width);
  });
  return loss_mean(losses, call.count);
}

UnitRows::UnitRows(const LossCall& call)
    : call_(call), values_(call.rows * call.width), grads_(call.rows * call.width) {
  const int64_t width = call.width;
  call.run.parallel_ranges(call.rows, 8, width, [&](int64_t begin, int64_t end, int) {
    call_.run.kernels.pool.normalize_forward(end - begin, width, call_.x + begin * width,
                                             values_.data() + begin * width);
  });
}

void UnitRows::finish() {
  const int64_t width = call_.width;
  call_.run.parallel_ranges(call_.rows, 8, width, [&](int64_t begin, int64_t end, int) {
    const int64_t at = begin * width;
    call_.run.kernels.pool.normalize_backward(end - begin, width, call_.x + at, grads_.data() + at,
                                              call_.dx + at);
  });
}

}  // namespace sinter
