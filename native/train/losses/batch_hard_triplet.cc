// batch_hard_triplet (Hermans et al. 2017): every row has a class. The mean over the rows of
// max(hardest positive - hardest negative + margin, 0): the largest distance to a row of the same
// class (0 where there is none), and the smallest to a row of another class (where all rows are of
// one class, the hardest positive).
#include "train/losses/distances.h"

namespace sinter {
namespace {

// The row at which a distance is hardest for another row; -1: none.
struct Hardest {
  int64_t positive = -1, negative = -1;
  double near = 0, far = 0;
};

Hardest hardest_of(const Distances& distances, const std::vector<int32_t>& groups, int64_t i) {
  Hardest found;
  for (int64_t j = 0; j < static_cast<int64_t>(groups.size()); ++j) {
    if (i == j) continue;
    const double d = distances.between(i, j);
    const bool same = groups[static_cast<size_t>(i)] == groups[static_cast<size_t>(j)];
    if (same && (found.positive < 0 || d > found.near)) {
      found.positive = j;
      found.near = d;
    } else if (!same && (found.negative < 0 || d < found.far)) {
      found.negative = j;
      found.far = d;
    }
  }
  if (found.negative < 0) {
    found.negative = found.positive;
    found.far = found.near;
  }
  return found;
}

}  // namespace

double batch_hard_triplet_loss(const LossCall& call) {
  Distances distances(call);
  const int64_t rows = call.rows;
  std::vector<Hardest> hardest(static_cast<size_t>(rows));
  call.run.parallel_ranges(rows, 1, 4 * rows * call.width, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      hardest[static_cast<size_t>(i)] = hardest_of(distances, call.term.labels, i);
    }
  });
  const double factor = rows == 0 ? 0 : call.term.weight / static_cast<double>(rows);
  std::vector<double> losses(hardest.size());
  for (int64_t i = 0; i < rows; ++i) {  // several rows may share their hardest row
    const Hardest& one = hardest[static_cast<size_t>(i)];
    const double excess = one.near - one.far + call.term.margin;
    if (!(excess > 0)) continue;
    losses[static_cast<size_t>(i)] = excess;
    if (one.positive >= 0) distances.add_gradient(i, one.positive, factor);
    if (one.negative >= 0) distances.add_gradient(i, one.negative, -factor);
  }
  distances.finish();
  return mean_of(losses);
}

}  // namespace sinter
