// in_batch_negatives (Henderson et al. 2017, section 4.4): the first rows are anchors, the rows
// after them candidates. Each anchor should be nearest to its positive: cross entropy over scale *
// cosine with every candidate, so the positives of other anchors serve as negatives.
#include <algorithm>

#include "train/losses/parts.h"
#include "weights/products.h"

namespace sinter {
namespace {

// The anchors whose scores are in memory together, so that the scores grow with the candidates
// only.
constexpr int64_t kBlock = 512;

// The gradient of cosines [m, n], with strides as in GemmF32Args, and the width of the rows.
struct Cosines {
  int64_t m, n, width;
  const float* values;
  int64_t row, column;
};

// Computes dy [m, width] from the gradient of the cosines and the other rows [n, width].
void pull_back(Run& run, const Cosines& cosines, const float* rows, float* dy, bool accumulate) {
  const auto& [m, n, width, values, row, column] = cosines;
  const float* packed = pack_shared(run, n, width, rows, width, 1);
  product_f32(run, {m, width, n, values, row, column, packed, dy, width, nullptr, Activation::none,
                    accumulate});
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
  std::fill_n(unit.grad(anchors), candidates * width, 0.0f);
  AlignedBuffer<float> scores(std::min(anchors, kBlock) * candidates);
  std::vector<float> losses(static_cast<size_t>(anchors));
  const float scale = static_cast<float>(call.term.scale);
  const float factor = scale * gradient_share(call.term.weight, call.count);
  for (int64_t first = 0; first < anchors; first += kBlock) {
    const int64_t block = std::min(kBlock, anchors - first);
    const float* packed = pack_shared(run, width, candidates, unit.row(anchors), 1, width);
    product_f32(run, {block, candidates, width, unit.row(first), width, 1, packed, scores.data(),
                      candidates, nullptr, Activation::none, /*accumulate=*/false});
    run.parallel_ranges(block, 1, 4 * candidates, [&](int64_t begin, int64_t end, int) {
      float* part = scores.data() + begin * candidates;
      run.kernels.optimizer.scale((end - begin) * candidates, scale, part);
      run.kernels.softmax.cross_entropy(end - begin, candidates, part,
                                        call.term.labels.data() + first + begin, factor,
                                        losses.data() + first + begin, part);
    });
    pull_back(run, {block, candidates, width, scores.data(), candidates, 1}, unit.row(anchors),
              unit.grad(first), /*accumulate=*/false);
    pull_back(run, {candidates, block, width, scores.data(), 1, candidates}, unit.row(first),
              unit.grad(anchors), /*accumulate=*/true);
  }
  unit.finish();
  return loss_mean(losses, call.count);
}

}  // namespace sinter
