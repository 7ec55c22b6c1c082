// A histogram of any numbers in bins of one width on both sides of 0. The rule: the width is a
// power of two and doubles when a number does not fit, pairs of bins are merged then; counts are
// whole, so neither the order of the numbers nor the lanes change them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "compress/work.h"

namespace sinter {

class Histogram {
 public:
  // Bins for each sign. Half of them or more lie below the largest magnitude.
  static constexpr int64_t kBins = 1 << 12;

  // Rows of numbers: `read(begin, end, to)` writes rows [begin, end) of `width` numbers, on any
  // lane. Column c is multiplied by factors[c] if there are factors.
  struct Rows {
    int64_t rows = 0, width = 0;
    const float* factors = nullptr;
    std::function<void(int64_t, int64_t, float*)> read;
  };

  // INVALID_DATA for a number that is not finite; then nothing of the rows is counted.
  void add(const Work& work, const Rows& rows);

  // Width of a bin: bin i of a sign has the magnitudes in [i width, (i + 1) width).
  double width() const { return width_; }
  const std::vector<int64_t>& negative() const { return negative_; }
  const std::vector<int64_t>& positive() const { return positive_; }
  int64_t zeros() const { return zeros_; }
  // Smallest and largest number, 0 if there is none.
  float least() const { return least_; }
  float most() const { return most_; }
  // Of all numbers, zeros included.
  int64_t count() const { return count_; }

 private:
  struct Range {
    float least = 0, most = 0;
    bool seen = false;
  };

  void widen(double size);

  double width_ = 0;  // 0: nothing but zeros so far
  std::vector<int64_t> negative_ = std::vector<int64_t>(kBins, 0);
  std::vector<int64_t> positive_ = std::vector<int64_t>(kBins, 0);
  int64_t zeros_ = 0, count_ = 0;
  float least_ = 0, most_ = 0;
};

}  // namespace sinter
