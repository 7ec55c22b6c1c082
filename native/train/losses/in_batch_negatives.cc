// in_batch_negatives (Henderson et al. 2017, section 4.4): the first rows are anchors, the rows
// after them candidates. Each anchor should be nearest to its positive: cross entropy over scale *
// cosine with every candidate, so the positives of other anchors serve as negatives.
#include <algorithm>

#include "train/losses/parts.h"
#include "weights/products.h"

namespace sinter {
namespace {

// Computes dy [m, k] from the gradient of the cosines [m, n] (strides as in GemmF32Args) and the
// other rows [n, k].
void pull_back(Run& run, int64_t m, int64_t n, int64_t k, const float* cosines, int64_t row,
               int64_t column, const float* rows, float* dy) {
  const float* packed = pack_shared(run, n, k, rows, k, 1);
  product_f32(run, {m, k, n, cosines, row, column, packed, dy, k, nullptr, Activation::none,
                    /*accumulate=*/false});
}

}  // namespace

double in_batch_negatives_loss(const LossCall& call) {
  Run& run = call.run;
  const int64_t width = call.width;
  const int64_t anchors = static_cast<int64_t>(call.term.labels.size());
  const int64_t candidates = call.rows - anchors;
  if (anchors == 0) {
    std::fill_n(call.dx, call.rows * width, 0.0f);
    return 0;
  }
  UnitRows unit(call);
  AlignedBuffer<float> scores(anchors * candidates);
  const float* packed = pack_shared(run, width, candidates, unit.row(anchors), 1, width);
  product_f32(run, {anchors, candidates, width, unit.row(0), width, 1, packed, scores.data(),
                    candidates, nullptr, Activation::none, /*accumulate=*/false});
  std::vector<float> losses(static_cast<size_t>(anchors));
  const float scale = static_cast<float>(call.term.scale);
  const float factor = scale * gradient_share(call.term.weight, call.count);
  run.parallel_ranges(anchors, 1, 4 * candidates, [&](int64_t begin, int64_t end, int) {
    float* part = scores.data() + begin * candidates;
    run.kernels.optimizer.scale((end - begin) * candidates, scale, part);
    run.kernels.softmax.cross_entropy(end - begin, candidates, part,
                                      call.term.labels.data() + begin, factor,
                                      losses.data() + begin, part);
  });
  pull_back(run, anchors, candidates, width, scores.data(), candidates, 1, unit.row(anchors),
            unit.grad(0));
  pull_back(run, candidates, anchors, width, scores.data(), 1, candidates, unit.row(0),
            unit.grad(anchors));
  unit.finish();
  return loss_mean(losses, call.count);
}

}  // namespace sinter
