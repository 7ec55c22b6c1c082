// Two passes over the rows: the range, by which the bins become wide enough, and the counts, in
// bins of each lane. Reading rows twice needs no memory for them.
#include "compress/histogram.h"

#include <algorithm>
#include <cmath>

namespace sinter {
namespace {

// Numbers that a lane reads at once.
constexpr int64_t kPiece = int64_t{1} << 15;

struct Counts {
  std::vector<int64_t> negative, positive;
  int64_t zeros = 0;
};

// Calls body(values, count, lane) on pieces of whole rows, on all lanes.
template <typename Body>
void for_pieces(const Work& work, const Histogram::Rows& rows, const Body& body) {
  const int64_t step = std::max<int64_t>(1, kPiece / rows.width);
  const int64_t pieces = (rows.rows + step - 1) / step;
  // A few pieces for each lane between two looks at the cancellation.
  const int64_t most = 64 * work.team.lanes();
  std::vector<std::vector<float>> buffers(static_cast<size_t>(work.team.lanes()));
  for (int64_t first = 0; first < pieces; first += most) {
    work.check();
    work.team.parallel_for(std::min(most, pieces - first), [&](int64_t i, int lane) {
      const int64_t begin = (first + i) * step, end = std::min(rows.rows, begin + step);
      const int64_t count = (end - begin) * rows.width;
      std::vector<float>& values = buffers[static_cast<size_t>(lane)];
      if (static_cast<int64_t>(values.size()) < count) values.resize(static_cast<size_t>(count));
      rows.read(begin, end, values.data());
      if (rows.factors != nullptr) {
        for (int64_t j = 0; j < count; ++j)
          values[static_cast<size_t>(j)] *= rows.factors[j % rows.width];
      }
      body(values.data(), count, lane);
    });
  }
}

void merge_pairs(std::vector<int64_t>& bins) {
  const size_t half = bins.size() / 2;
  for (size_t i = 0; i < half; ++i) bins[i] = bins[2 * i] + bins[2 * i + 1];
  std::fill(bins.begin() + static_cast<int64_t>(half), bins.end(), 0);
}

}  // namespace

void Histogram::add(const Work& work, const Rows& rows) {
  if (rows.rows == 0 || rows.width == 0) return;
  std::vector<Range> ranges(static_cast<size_t>(work.team.lanes()));
  for_pieces(work, rows, [&](const float* values, int64_t count, int lane) {
    Range own = ranges[static_cast<size_t>(lane)];
    for (int64_t i = 0; i < count; ++i) {
      if (!std::isfinite(values[i]))
        throw Error(ErrorCode::INVALID_DATA, "a number of the rows is not finite");
      own.least = own.seen ? std::min(own.least, values[i]) : values[i];
      own.most = own.seen ? std::max(own.most, values[i]) : values[i];
      own.seen = true;
    }
    ranges[static_cast<size_t>(lane)] = own;
  });
  float least = count_ > 0 ? least_ : 0, most = count_ > 0 ? most_ : 0;
  bool seen = count_ > 0;
  for (const Range& range : ranges) {
    if (!range.seen) continue;
    least = seen ? std::min(least, range.least) : range.least;
    most = seen ? std::max(most, range.most) : range.most;
    seen = true;
  }
  widen(std::max(std::fabs(static_cast<double>(least)), std::fabs(static_cast<double>(most))));
  const double per_bin = width_ == 0 ? 0 : 1 / width_;  // exact: a power of two
  std::vector<Counts> counts(static_cast<size_t>(work.team.lanes()));
  for_pieces(work, rows, [&](const float* values, int64_t count, int lane) {
    Counts& own = counts[static_cast<size_t>(lane)];
    if (own.negative.empty()) {
      own.negative.assign(kBins, 0);
      own.positive.assign(kBins, 0);
    }
    for (int64_t i = 0; i < count; ++i) {
      const double value = values[i];
      if (value == 0) {
        ++own.zeros;
        continue;
      }
      ++(value < 0 ? own.negative : own.positive)[static_cast<size_t>(std::fabs(value) * per_bin)];
    }
  });
  for (const Counts& own : counts) {
    zeros_ += own.zeros;
    for (size_t i = 0; i < own.negative.size(); ++i) {
      negative_[i] += own.negative[i];
      positive_[i] += own.positive[i];
    }
  }
  least_ = least;
  most_ = most;
  count_ += rows.rows * rows.width;
}

void Histogram::widen(double size) {
  if (size == 0) return;
  if (width_ == 0) {
    // The width of which `size` is in the upper half of the bins.
    int exponent = 0;
    std::frexp(size, &exponent);
    width_ = std::ldexp(1.0, exponent) / static_cast<double>(kBins);
  }
  while (size >= width_ * static_cast<double>(kBins)) {
    merge_pairs(negative_);
    merge_pairs(positive_);
    width_ *= 2;
  }
}

}  // namespace sinter
