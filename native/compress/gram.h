// The sums over rows that least squares needs: X^T X and X^T Y, in f64. The rule: an element is one
// chain of fma in the order of the rows, so the bits depend neither on the lanes nor on how the
// rows were cut into batches.
#pragma once

#include <cstdint>

#include "base/aligned.h"
#include "compress/work.h"

namespace sinter {

class Gram {
 public:
  // `intercept`: every row of X gets a 1 behind its inputs, so that a bias is fitted too. outputs
  // 0: no Y.
  Gram(int64_t inputs, int64_t outputs, bool intercept);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  // Inputs, the 1 of the intercept included.
  int64_t width() const { return inputs_ + (intercept_ ? 1 : 0); }
  bool intercept() const { return intercept_; }
  int64_t rows() const { return rows_; }

  // Adds `rows` rows x [rows, width] and y [rows, outputs]. INVALID_DATA for a number that is not
  // finite. After a failure the sums cannot be used.
  void add(const Work& work, int64_t rows, const float* x, const float* y);
  // Adds the sums of another Gram of the same shape. INTERNAL for another shape.
  void merge(const Gram& other);

  // X^T X [width, width], X^T Y [width, outputs], and the sum of all y^2. INTERNAL after a failed
  // add.
  const double* products() const { return checked(products_); }
  const double* targets() const { return checked(targets_); }
  double target_squares() const;
  // The mean of the diagonal over the inputs, by which damping is measured.
  double mean_diagonal() const;

  // ||X W^T - Y||^2 for W [outputs, width], from the sums.
  double error(const Work& work, const double* weight) const;

 private:
  const double* checked(const AlignedBuffer<double>& sums) const;

  const int64_t inputs_, outputs_;
  const bool intercept_;
  int64_t rows_ = 0;
  bool failed_ = false;
  AlignedBuffer<double> products_, targets_, squares_;
};

}  // namespace sinter
