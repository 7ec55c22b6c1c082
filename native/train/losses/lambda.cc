// lambda (LambdaLoss, Wang et al. 2018): the mean over the pairs of texts of a list of which the
// first is more relevant of weight * log(1 + e^(-sigma (score i - score j))).
//
// Ranks are those of the scores. With gains (2^relevance - 1) / maxDCG, where a relevance below 0
// counts as 0, and discounts D(rank) = log2(1 + rank), the weights are (as in
// sentence-transformers)
//   none         1, which makes it RankNet (Burges et al. 2005)
//   ndcg_loss1   gain i / D(i), over all pairs, also equal ones
//   ndcg_loss2   |1 / D(d) - 1 / D(d + 1)| |gain i - gain j|, d = the distance of the ranks
//   lambda_rank  |1 / D(i) - 1 / D(j)| |gain i - gain j|
//   ndcg_loss2_pp  mu ndcg_loss2 + lambda_rank
// With k only pairs count of which one text has a rank up to k. Weights have no gradient.
#include <algorithm>
#include <cmath>

#include "train/losses/lists.h"

namespace sinter {
namespace {

constexpr double kLog2 = 0.6931471805599453;
constexpr double kLeastDcg = 1e-10;

// log2(1 + rank), by places counted from 0.
double discount(int64_t place) { return portable_log(2 + static_cast<double>(place)) / kLog2; }

double gain_of(double relevance) { return exp_any(std::max(relevance, 0.0) * kLog2) - 1; }

// A list in the order of its scores.
class Ranking {
 public:
  Ranking(const RankedList& list, const LossSettings& settings)
      : list_(list), settings_(settings), order_(by_falling(list.size, list.scores)) {
    const int64_t wanted = static_cast<int64_t>(settings.k);
    top_ = wanted == 0 ? list.size : std::min(wanted, list.size);
    const std::vector<int64_t> ideal = by_falling(list.size, list.relevances);
    double most = 0;
    for (int64_t i = 0; i < list.size; ++i) {
      discounts_.push_back(discount(i));
      if (i < top_) most += gain_of(list.relevances[ideal[at(i)]]) / discounts_.back();
    }
    most = std::max(most, kLeastDcg);
    for (const int64_t i : order_) gains_.push_back(gain_of(list.relevances[i]) / most);
  }

  ListLoss loss() const {
    ListLoss found;
    for (int64_t i = 0; i < list_.size; ++i) {
      for (int64_t j = 0; j < list_.size; ++j) {
        if (counts(i, j)) add(i, j, found);
      }
    }
    return found;
  }

 private:
  static size_t at(int64_t place) { return static_cast<size_t>(place); }
  double relevance(int64_t place) const { return list_.relevances[order_[at(place)]]; }
  bool counts(int64_t i, int64_t j) const {
    if (i >= top_ && j >= top_) return false;
    return settings_.weighting == RankWeighting::ndcg_loss1 || relevance(i) > relevance(j);
  }

  double weight(int64_t i, int64_t j) const {
    const double apart = std::fabs(gains_[at(i)] - gains_[at(j)]);
    const auto inverse = [&](int64_t place) { return 1 / discounts_[at(place)]; };
    const int64_t steps = i < j ? j - i : i - j;
    const auto loss2 = [&] { return apart * std::fabs(inverse(steps - 1) - inverse(steps)); };
    const auto lambda_rank = [&] { return apart * std::fabs(inverse(i) - inverse(j)); };
    switch (settings_.weighting) {
      case RankWeighting::none:
        return 1;
      case RankWeighting::ndcg_loss1:
        return gains_[at(i)] * inverse(i);
      case RankWeighting::ndcg_loss2:
        return loss2();
      case RankWeighting::lambda_rank:
        return lambda_rank();
      case RankWeighting::ndcg_loss2_pp:
        return settings_.mu * loss2() + lambda_rank();
    }
    return 1;
  }

  void add(int64_t i, int64_t j, ListLoss& found) const {
    const int64_t first = order_[at(i)], second = order_[at(j)];
    const double own = weight(i, j), sigma = settings_.sigma;
    const double apart = sigma * (list_.scores[first] - list_.scores[second]);
    found.loss += own * softplus(-apart);
    found.count += 1;
    const double slope = own * sigma * sigmoid_of(-apart);
    list_.slopes[first] -= slope;
    list_.slopes[second] += slope;
  }

  const RankedList& list_;
  const LossSettings& settings_;
  std::vector<int64_t> order_;
  int64_t top_ = 0;
  std::vector<double> discounts_, gains_;
};

}  // namespace

double lambda_loss(const LossCall& call) {
  return mean_over_lists(
      call, [&](const RankedList& list) { return Ranking(list, call.term.settings).loss(); });
}

}  // namespace sinter
