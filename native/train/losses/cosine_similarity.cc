// cosine_similarity: the rows are pairs with a score each, all first halves before all second
// halves. The mean over the pairs of (cosine - score)^2.
#include "train/losses/parts.h"

namespace sinter {

double cosine_similarity_loss(const LossCall& call) {
  const int64_t pairs = static_cast<int64_t>(call.term.values.size()), width = call.width;
  UnitRows unit(call);
  std::vector<double> losses(call.term.values.size());
  const double factor = pairs == 0 ? 0 : 2 * call.term.weight / static_cast<double>(pairs);
  call.run.parallel_ranges(pairs, 1, 12 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      const double apart =
          dot_product(unit.row(i), unit.row(pairs + i), width) - call.term.values[at];
      losses[at] = apart * apart;
      const float slope = static_cast<float>(factor * apart);
      for (int64_t k = 0; k < width; ++k) {
        unit.grad(i)[k] = slope * unit.row(pairs + i)[k];
        unit.grad(pairs + i)[k] = slope * unit.row(i)[k];
      }
    }
  });
  unit.finish();
  return mean_of(losses);
}

}  // namespace sinter
