// cross_entropy: -log softmax(row)[label], averaged over the labelled rows.
#include "train/losses/parts.h"

namespace sinter {

double cross_entropy_loss(const LossCall& call) {
  const int64_t width = call.width;
  std::vector<float> losses(static_cast<size_t>(call.rows));
  const int32_t* labels = call.term.labels.data() + call.first_row;
  const float factor = gradient_share(call.term.weight, call.count);
  call.run.parallel_ranges(call.rows, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    call.run.kernels.softmax.cross_entropy(end - begin, width, call.x + begin * width,
                                           labels + begin, factor, losses.data() + begin,
                                           call.dx + begin * width);
  });
  return loss_mean(losses, call.count);
}

}  // namespace sinter
