// With U the first left singular vectors of the weighted W, the best approximation is U U^T W,
// whatever the weighting: its inverse cancels out.
#include "compress/low_rank_factors.h"

#include <cmath>
#include <string>

#include "compress/cholesky.h"
#include "compress/product.h"
#include "compress/singular.h"

namespace sinter {
namespace {

// W multiplied by what weights its columns.
AlignedBuffer<double> weighted(const Work& work, const LowRank& problem) {
  const int64_t m = problem.outputs, n = problem.inputs;
  AlignedBuffer<double> out = AlignedBuffer<double>::zeroed(m * n);
  if (problem.gram == nullptr) {
    for (int64_t i = 0; i < m * n; ++i)
      out.data()[i] = problem.weight[i] * (problem.scale == nullptr ? 1.0 : problem.scale[i % n]);
    return out;
  }
  const Gram& gram = *problem.gram;
  AlignedBuffer<double> l(n * n);
  const double damping = problem.lambda * gram.mean_diagonal();
  for (int64_t i = 0; i < n; ++i) {
    std::copy_n(gram.products() + i * gram.width(), n, l.data() + i * n);
    l.data()[i * n + i] += damping;
  }
  const int64_t bad = cholesky(work, n, l.data());
  if (bad >= 0) {
    throw Error(ErrorCode::INVALID_DATA,
                "input " + std::to_string(bad) +
                    " depends linearly on those before it: lambda must be larger");
  }
  product_f64(work, {m, n, n, view(problem.weight, n), view(l.data(), n), out.data(), n});
  return out;
}

}  // namespace

LowRankFactors low_rank_factors(const Work& work, const LowRank& problem) {
  const int64_t m = problem.outputs, n = problem.inputs, rank = problem.rank;
  LeftSingular found;
  {
    const AlignedBuffer<double> matrix = weighted(work, problem);
    found = left_singular(work, m, n, matrix.data(), rank);
  }
  AlignedBuffer<double> a = AlignedBuffer<double>::zeroed(rank * n);
  product_f64(work,
              {rank, n, m, view(found.vectors.data(), m), view(problem.weight, n), a.data(), n});
  LowRankFactors factors{std::vector<float>(static_cast<size_t>(rank * n), 0.0f),
                         std::vector<float>(static_cast<size_t>(m * rank), 0.0f),
                         std::move(found.values)};
  const auto dot = f64_kernels().dot;
  for (int64_t r = 0; r < rank; ++r) {
    const double* const row = a.data() + r * n;
    const double share = std::sqrt(std::sqrt(dot(n, row, row)));
    if (share == 0) continue;
    for (int64_t j = 0; j < n; ++j)
      factors.a[static_cast<size_t>(r * n + j)] = static_cast<float>(row[j] / share);
    for (int64_t i = 0; i < m; ++i) {
      factors.b[static_cast<size_t>(i * rank + r)] =
          static_cast<float>(found.vectors[static_cast<size_t>(r * m + i)] * share);
    }
  }
  return factors;
}

}  // namespace sinter
