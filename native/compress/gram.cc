// Only blocks on and below the diagonal are computed; then they are mirrored.
#include "compress/gram.h"

#include <cmath>

#include "compress/product.h"

namespace sinter {

Gram::Gram(int64_t inputs, int64_t outputs, bool intercept)
    : inputs_(inputs),
      outputs_(outputs),
      intercept_(intercept),
      products_(AlignedBuffer<double>::zeroed(width() * width())),
      targets_(AlignedBuffer<double>::zeroed(width() * outputs)),
      squares_(AlignedBuffer<double>::zeroed(outputs)) {}

void Gram::add(const Work& work, int64_t rows, const float* x, const float* y) {
  if (failed_) throw Error(ErrorCode::INTERNAL, "an earlier add has failed");
  failed_ = true;
  const int64_t n = width();
  const MatrixView inputs = view(x, n);
  product_f64(work, {n, n, rows, inputs.transposed(), inputs, products_.data(), n,
                     /*subtract=*/false, /*lower=*/true});
  mirror_lower(work, n, products_.data());
  if (outputs_ > 0) {
    product_f64(work, {n, outputs_, rows, inputs.transposed(), view(y, outputs_), targets_.data(),
                       outputs_});
    for_slices(work, outputs_, 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = begin; j < end; ++j) {
          const double value = y[i * outputs_ + j];
          squares_.data()[j] += value * value;
        }
      }
    });
  }
  rows_ += rows;
  for (int64_t i = 0; i < n + outputs_; ++i) {
    const double sum = i < n ? products_.data()[i * n + i] : squares_.data()[i - n];
    if (!std::isfinite(sum))
      throw Error(ErrorCode::INVALID_DATA, "a number of the rows is not finite");
  }
  failed_ = false;
}

void Gram::merge(const Gram& other) {
  if (other.width() != width() || other.outputs_ != outputs_ || other.intercept_ != intercept_)
    throw Error(ErrorCode::INTERNAL, "the sums have another shape");
  const double* const products = other.products();
  const double* const targets = other.targets();
  const double* const squares = other.checked(other.squares_);
  checked(products_);
  for (int64_t i = 0; i < width() * width(); ++i) products_.data()[i] += products[i];
  for (int64_t i = 0; i < width() * outputs_; ++i) targets_.data()[i] += targets[i];
  for (int64_t i = 0; i < outputs_; ++i) squares_.data()[i] += squares[i];
  rows_ += other.rows_;
}

const double* Gram::checked(const AlignedBuffer<double>& sums) const {
  if (failed_) throw Error(ErrorCode::INTERNAL, "an earlier add has failed");
  return sums.data();
}

double Gram::target_squares() const {
  double sum = 0;
  for (int64_t i = 0; i < outputs_; ++i) sum += checked(squares_)[i];
  return sum;
}

double Gram::mean_diagonal() const {
  double sum = 0;
  for (int64_t i = 0; i < inputs_; ++i) sum += products()[i * width() + i];
  return sum / static_cast<double>(inputs_);
}

double Gram::error(const Work& work, const double* weight) const {
  const int64_t n = width();
  // tr(W G W^T) - 2 tr(W C) + sum y^2, with the rows of W G - 2 C^T.
  AlignedBuffer<double> left = AlignedBuffer<double>::zeroed(outputs_ * n);
  product_f64(work, {outputs_, n, n, view(weight, n), view(products(), n), left.data(), n});
  double sum = target_squares();
  for (int64_t i = 0; i < outputs_; ++i) {
    const double* const row = weight + i * n;
    for (int64_t j = 0; j < n; ++j) left.data()[i * n + j] -= 2 * targets()[j * outputs_ + i];
    sum += f64_kernels().dot(n, row, left.data() + i * n);
  }
  return sum;
}

}  // namespace sinter
