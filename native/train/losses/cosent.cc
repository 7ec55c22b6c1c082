// cosent (Su 2022): the rows are pairs with a score each, all first halves before all second
// halves. A pair with a lower score should have a lower cosine: the loss is log(1 + sum of
// exp(scale * (cos i - cos j)) over all i, j with score i < score j).
#include "train/losses/parts.h"
#include "train/losses/ranked_pairs.h"

namespace sinter {

double cosent_loss(const LossCall& call) {
  const int64_t pairs = static_cast<int64_t>(call.term.values.size()), width = call.width;
  UnitRows unit(call);
  std::vector<double> cosines(call.term.values.size()), slopes;
  call.run.parallel_ranges(pairs, 1, 8 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      cosines[static_cast<size_t>(i)] = dot_product(unit.row(i), unit.row(pairs + i), width);
    }
  });
  const double loss = rank_pairs(call, cosines, slopes);
  call.run.parallel_ranges(pairs, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float slope = static_cast<float>(slopes[static_cast<size_t>(i)]);
      for (int64_t k = 0; k < width; ++k) {
        unit.grad(i)[k] = slope * unit.row(pairs + i)[k];
        unit.grad(pairs + i)[k] = slope * unit.row(i)[k];
      }
    }
  });
  unit.finish();
  return loss;
}

}  // namespace sinter
