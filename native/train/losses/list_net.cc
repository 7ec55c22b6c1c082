// list_net (Cao et al. 2007): the cross entropy of softmax(scores) against softmax(relevances) of
// each list, averaged over the lists.
#include "train/losses/lists.h"

namespace sinter {

double list_net_loss(const LossCall& call) {
  return mean_over_lists(call, [](const RankedList& list) {
    const double own = log_sum_exp(list.scores, list.size);
    const double theirs = log_sum_exp(list.relevances, list.size);
    double loss = 0;
    for (int64_t i = 0; i < list.size; ++i) {
      const double wanted = exp_any(list.relevances[i] - theirs), log_p = list.scores[i] - own;
      loss -= wanted * log_p;
      list.slopes[i] = exp_any(log_p) - wanted;
    }
    return ListLoss{loss, 1};
  });
}

}  // namespace sinter
