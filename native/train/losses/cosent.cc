// cosent (Su 2022): the rows are pairs with a score each, all first halves before all second
// halves. A pair with a lower score should have a lower cosine: the loss is log(1 + sum of
// exp(scale * (cos i - cos j)) over all i, j with score i < score j). With the pairs sorted by
// score the double sum takes one pass: the exponentials of cosines with lower scores form a running
// sum.
#include <algorithm>
#include <numeric>

#include "ops/portable_math.h"
#include "train/losses/parts.h"

namespace sinter {
namespace {

struct Pairs {
  std::vector<int64_t> order;        // by rising score
  std::vector<double> up, down;      // per pair: exp(scale * cos), exp(-scale * cos)
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

double cosent_loss(const LossCall& call) {
  const size_t count = call.term.values.size();
  const int64_t pairs_count = static_cast<int64_t>(count), width = call.width;
  const float* scores = call.term.values.data();
  UnitRows unit(call);
  Pairs pairs{std::vector<int64_t>(count), std::vector<double>(count), std::vector<double>(count),
              std::vector<double>(count), std::vector<double>(count)};
  call.run.parallel_ranges(pairs_count, 1, 8 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float* a = unit.row(i);
      const float* b = unit.row(pairs_count + i);
      double cosine = 0;
      for (int64_t k = 0; k < width; ++k) cosine += static_cast<double>(a[k]) * b[k];
      pairs.up[static_cast<size_t>(i)] = power(call.term.scale * cosine);
      pairs.down[static_cast<size_t>(i)] = power(-call.term.scale * cosine);
    }
  });
  std::iota(pairs.order.begin(), pairs.order.end(), 0);
  std::stable_sort(pairs.order.begin(), pairs.order.end(),
                   [&](int64_t i, int64_t j) { return scores[i] < scores[j]; });
  sum_before(pairs, scores, /*rising=*/true, pairs.up, pairs.below);
  sum_before(pairs, scores, /*rising=*/false, pairs.down, pairs.above);
  double total = 1;
  for (size_t i = 0; i < count; ++i) total += pairs.down[i] * pairs.below[i];
  const double factor = call.term.weight * call.term.scale / total;
  call.run.parallel_ranges(pairs_count, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i);
      const double lower = pairs.up[at] * pairs.above[at];
      const double higher = pairs.down[at] * pairs.below[at];
      const float slope = static_cast<float>(factor * (lower - higher));
      for (int64_t k = 0; k < width; ++k) {
        unit.grad(i)[k] = slope * unit.row(pairs_count + i)[k];
        unit.grad(pairs_count + i)[k] = slope * unit.row(i)[k];
      }
    }
  });
  unit.finish();
  return total == total ? portable_log(total) : total;
}

}  // namespace sinter
