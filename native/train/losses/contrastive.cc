// contrastive (Hadsell et al. 2006): the rows are pairs with a score each, 1 for texts that belong
// together and 0 for others, all first halves before all second halves. The mean over the pairs of
// [score * d^2 + (1 - score) * max(margin - d, 0)^2] / 2, d the distance of the pair.
#include <algorithm>

#include "train/losses/distances.h"

namespace sinter {

double contrastive_loss(const LossCall& call) {
  const int64_t pairs = static_cast<int64_t>(call.term.values.size());
  Distances distances(call, kPairShift);
  std::vector<double> losses(call.term.values.size());
  const double factor = pairs == 0 ? 0 : call.term.weight / static_cast<double>(pairs);
  call.run.parallel_ranges(pairs, 1, 16 * call.width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      const double score = call.term.values[at];
      const double apart = distances.between(i, pairs + i);
      const double room = std::max(call.term.margin - apart, 0.0);
      losses[at] = (score * apart * apart + (1 - score) * room * room) / 2;
      distances.add_gradient(i, pairs + i, factor * (score * apart - (1 - score) * room));
    }
  });
  distances.finish();
  return mean_of(losses);
}

}  // namespace sinter
