// Solved for the difference to the prior: (G + damping) (W - W0)^T = C - G W0^T.
#include "compress/ridge.h"

#include <string>

#include "compress/cholesky.h"
#include "compress/product.h"

namespace sinter {

std::vector<double> solve_ridge(const Work& work, const Gram& gram, const Ridge& ridge) {
  const int64_t n = gram.width(), outputs = gram.outputs();
  std::vector<int64_t> kept = ridge.kept;
  if (gram.intercept()) kept.push_back(gram.inputs());
  const int64_t size = static_cast<int64_t>(kept.size());
  const auto index = [&](int64_t i) { return kept[static_cast<size_t>(i)]; };
  const double damping = ridge.lambda * gram.mean_diagonal();
  AlignedBuffer<double> a(size * size), b(size * outputs);
  std::vector<double> weight(static_cast<size_t>(outputs * size), 0.0);
  for_slices(work, size, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double* const row = gram.products() + index(i) * n;
      double* const to = a.data() + i * size;
      for (int64_t j = 0; j < size; ++j) to[j] = row[index(j)];
      const double* const target = gram.targets() + index(i) * outputs;
      std::copy(target, target + outputs, b.data() + i * outputs);
    }
  });
  if (ridge.prior != nullptr) {
    for (int64_t i = 0; i < outputs; ++i) {
      for (int64_t j = 0; j < size; ++j)
        weight[static_cast<size_t>(i * size + j)] = ridge.prior[i * n + index(j)];
    }
    product_f64(work, {size, outputs, size, view(a.data(), size),
                       view(weight.data(), size).transposed(), b.data(), outputs,
                       /*subtract=*/true});
  }
  for (int64_t i = 0; i < size; ++i) {
    double& diagonal = a.data()[i * size + i];
    diagonal += ridge.own_scale ? ridge.lambda * diagonal : damping;
    if (diagonal == 0) diagonal = 1;  // its row of b is 0, and so is the difference to the prior
  }
  const int64_t bad = cholesky(work, size, a.data());
  if (bad >= 0) {
    throw Error(ErrorCode::INVALID_DATA,
                "input " + std::to_string(index(bad)) +
                    " depends linearly on those before it: lambda must be larger");
  }
  solve_cholesky(work, size, a.data(), outputs, b.data());
  for (int64_t i = 0; i < outputs; ++i) {
    for (int64_t j = 0; j < size; ++j)
      weight[static_cast<size_t>(i * size + j)] += b.data()[j * outputs + i];
  }
  return weight;
}

}  // namespace sinter
