// list_mse: the mean over all texts of (score - relevance)^2, with the activation of the lists.
#include "train/losses/lists.h"

namespace sinter {

double list_mse_loss(const LossCall& call) {
  return mean_over_lists(call, [](const RankedList& list) {
    ListLoss found{0, static_cast<double>(list.size)};
    for (int64_t i = 0; i < list.size; ++i) {
      const double apart = list.scores[i] - list.relevances[i];
      found.loss += apart * apart;
      list.slopes[i] = 2 * apart;
    }
    return found;
  });
}

}  // namespace sinter
