// online_contrastive (as in sentence-transformers): contrastive over the hard pairs only, as a sum
// and without its factor 1/2. Hard are positives farther apart than the closest negative, and
// negatives closer than the farthest positive. Where the other kind has fewer than two pairs, the
// limit is the mean of the pairs' own kind.
#include <algorithm>

#include "train/losses/distances.h"

namespace sinter {
namespace {

struct Kind {
  std::vector<double> distances;
  double mean() const { return mean_of(distances); }
  double least() const { return *std::min_element(distances.begin(), distances.end()); }
  double most() const { return *std::max_element(distances.begin(), distances.end()); }
};

bool is_positive(float score) { return score > 0.5f; }

}  // namespace

double online_contrastive_loss(const LossCall& call) {
  const std::vector<float>& scores = call.term.values;
  const int64_t pairs = static_cast<int64_t>(scores.size());
  Distances distances(call, kPairShift);
  std::vector<double> apart(scores.size());
  call.run.parallel_ranges(pairs, 1, 8 * call.width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      apart[static_cast<size_t>(i)] = distances.between(i, pairs + i);
    }
  });
  Kind positives, negatives;
  for (size_t i = 0; i < apart.size(); ++i) {
    (is_positive(scores[i]) ? positives : negatives).distances.push_back(apart[i]);
  }
  const double above = negatives.distances.size() > 1 ? negatives.least() : positives.mean();
  const double below = positives.distances.size() > 1 ? positives.most() : negatives.mean();
  double loss = 0;
  for (int64_t i = 0; i < pairs; ++i) {
    const double d = apart[static_cast<size_t>(i)];
    double slope = 0;
    if (is_positive(scores[static_cast<size_t>(i)])) {
      if (d > above) slope = 2 * d;
      loss += slope * slope / 4;
    } else if (d < below) {
      const double room = std::max(call.term.margin - d, 0.0);
      slope = -2 * room;
      loss += room * room;
    }
    if (slope != 0) distances.add_gradient(i, pairs + i, call.term.weight * slope);
  }
  distances.finish();
  return loss;
}

}  // namespace sinter
