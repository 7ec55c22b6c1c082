// The sums over all pairs of pairs, in order of their scores.
#include "train/losses/ranked_pairs.h"

#include <algorithm>
#include <numeric>

#include "ops/portable_math.h"

namespace sinter {
namespace {

struct Pairs {
  std::vector<int64_t> order;        // by rising score
  std::vector<double> up, down;      // per pair: exp(scale * s), exp(-scale * s)
  std::vector<double> below, above;  // sums of `up` over lower, of `down` over higher scores
};

// e^x; NaN stays NaN.
double power(double x) { return x == x ? portable_exp(x) : x; }

// Calls body(begin, end) for each run of equal scores in `order`, from the start or (not `rising`)
// from the end.
template <typename Body>
void for_ties(const std::vector<int64_t>& order, const float* scores, bool rising,
              const Body& body) {
  const int64_t count = static_cast<int64_t>(order.size());
  const auto score = [&](int64_t at) { return scores[order[static_cast<size_t>(at)]]; };
  for (int64_t done = 0; done < count;) {
    int64_t length = 1;
    const auto place = [&](int64_t i) { return rising ? i : count - 1 - i; };
    while (done + length < count && score(place(done + length)) == score(place(done))) ++length;
    if (rising) {
      body(done, done + length);
    } else {
      body(count - done - length, count - done);
    }
    done += length;
  }
}

// sums[i] = the sum of `values` over all pairs with a lower score than i (not `rising`: a higher
// one).
void sum_before(const Pairs& pairs, const float* scores, bool rising,
                const std::vector<double>& values, std::vector<double>& sums) {
  double sum = 0;
  for_ties(pairs.order, scores, rising, [&](int64_t begin, int64_t end) {
    double own = 0;
    for (int64_t at = begin; at < end; ++at) {
      const size_t i = static_cast<size_t>(pairs.order[static_cast<size_t>(at)]);
      sums[i] = sum;
      own += values[i];
    }
    sum += own;
  });
}

}  // namespace

double rank_pairs(const LossCall& call, const std::vector<double>& similarity,
                  std::vector<double>& slopes) {
  const size_t count = similarity.size();
  const int64_t pairs_count = static_cast<int64_t>(count);
  const float* scores = call.term.values.data();
  const double scale = call.term.scale;
  Pairs pairs{std::vector<int64_t>(count), std::vector<double>(count), std::vector<double>(count),
              std::vector<double>(count), std::vector<double>(count)};
  call.run.parallel_ranges(pairs_count, 64, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      pairs.up[at] = power(scale * similarity[at]);
      pairs.down[at] = power(-scale * similarity[at]);
    }
  });
  std::iota(pairs.order.begin(), pairs.order.end(), 0);
  std::stable_sort(pairs.order.begin(), pairs.order.end(),
                   [&](int64_t i, int64_t j) { return scores[i] < scores[j]; });
  sum_before(pairs, scores, /*rising=*/true, pairs.up, pairs.below);
  sum_before(pairs, scores, /*rising=*/false, pairs.down, pairs.above);
  double total = 1;
  for (size_t i = 0; i < count; ++i) total += pairs.down[i] * pairs.below[i];
  const double factor = call.term.weight * scale / total;
  slopes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const double lower = pairs.up[i] * pairs.above[i];
    const double higher = pairs.down[i] * pairs.below[i];
    slopes[i] = factor * (lower - higher);
  }
  return total == total ? portable_log(total) : total;
}

}  // namespace sinter
