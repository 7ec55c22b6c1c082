// list_margin_mse (Hofstaetter et al. 2020): the mean over all texts of the lists but the first of
// ((score of the first - score) - (relevance of the first - relevance))^2.
#include "train/losses/lists.h"

namespace sinter {

double list_margin_mse_loss(const LossCall& call) {
  return mean_over_lists(call, [](const RankedList& list) {
    ListLoss found{0, static_cast<double>(list.size - 1)};
    for (int64_t i = 1; i < list.size; ++i) {
      const double wanted = static_cast<double>(list.relevances[0]) - list.relevances[i];
      const double apart = list.scores[0] - list.scores[i] - wanted;
      found.loss += apart * apart;
      list.slopes[0] += 2 * apart;
      list.slopes[i] -= 2 * apart;
    }
    return found;
  });
}

}  // namespace sinter
