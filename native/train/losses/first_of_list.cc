// first_of_list: the first text of each list is the right one. The mean over the lists of -log
// softmax(scale * score)[first], which is the loss of a cross-encoder over a positive and its
// negatives.
#include "train/losses/lists.h"

namespace sinter {

double first_of_list_loss(const LossCall& call) {
  const double scale = call.term.scale;
  return mean_over_lists(call, [&](const RankedList& list) {
    const double all = log_sum_exp(list.scores, list.size, scale);
    for (int64_t i = 0; i < list.size; ++i) {
      const double share = exp_any(scale * list.scores[i] - all);
      list.slopes[i] = scale * (share - (i == 0 ? 1 : 0));
    }
    return ListLoss{all - scale * list.scores[0], 1};
  });
}

}  // namespace sinter
