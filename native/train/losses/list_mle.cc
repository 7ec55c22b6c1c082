// list_mle (Xia et al. 2008): with the texts of a list in the order of their relevances, the
// negative log likelihood of that order under the model of Plackett and Luce: the sum over the
// places i of w_i (log sum over j >= i of e^score_j - score_i), averaged over the lists. All w are
// 1, or for p-ListMLE (Lan et al. 2014) 2^(n - place) - 1 divided by their sum, so that the last
// place has none.
#include <cmath>

#include "train/losses/lists.h"

namespace sinter {
namespace {

std::vector<double> place_weights(int64_t size, bool by_position) {
  std::vector<double> weights(static_cast<size_t>(size), 1.0);
  if (!by_position) return weights;
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) {  // all times 2^(1 - n), which is exact and does not overflow
    const double weight =
        std::ldexp(1.0, static_cast<int>(-i)) - std::ldexp(1.0, static_cast<int>(1 - size));
    weights[static_cast<size_t>(i)] = weight;
    sum += weight;
  }
  for (double& weight : weights) weight = sum > 0 ? weight / sum : 0;
  return weights;
}

ListLoss likelihood(const RankedList& list, bool by_position) {
  const std::vector<int64_t> order = by_falling(list.size, list.relevances);
  const std::vector<double> weights = place_weights(list.size, by_position);
  const auto score = [&](size_t place) { return list.scores[order[place]]; };
  std::vector<double> rest(order.size());  // log of the sum of e^score from a place on
  double loss = 0;
  for (size_t i = order.size(); i-- > 0;) {
    const bool is_last = i + 1 == order.size();
    rest[i] = is_last ? score(i) : score(i) + softplus(rest[i + 1] - score(i));
    loss += weights[i] * (rest[i] - score(i));
  }
  // The sum over the places i <= j of w_i e^(score_j - rest_i). `rest` falls, so no factor is
  // above 1.
  double before = 0;
  for (size_t j = 0; j < order.size(); ++j) {
    before = (j == 0 ? 0 : before * exp_any(rest[j] - rest[j - 1])) + weights[j];
    list.slopes[order[j]] = before * exp_any(score(j) - rest[j]) - weights[j];
  }
  return {loss, 1};
}

}  // namespace

double list_mle_loss(const LossCall& call) {
  const bool by_position = call.term.settings.by_position;
  return mean_over_lists(call,
                         [&](const RankedList& list) { return likelihood(list, by_position); });
}

}  // namespace sinter
