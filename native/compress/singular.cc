// A matrix A [m, n] with m <= n is first reduced by reflections to A = L Q with a lower triangular
// L [m, m]; rotations then make the columns of L orthogonal: their norms are the singular values.
// If m > n, the vectors of the transposed matrix come first, and A takes them to the wanted ones.
#include "compress/singular.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/aligned.h"
#include "compress/product.h"

namespace sinter {
namespace {

constexpr double kTolerance = 1e-15;
// Far more than are ever needed: about eight.
constexpr int kMostSweeps = 60;
// Singular values below this share of the largest one are rounding.
constexpr double kRounding = 1e-13;

// Replaces A [m, n], m <= n, by [L 0] with A = [L 0] Q, L lower triangular and Q orthogonal.
void reduce(const Work& work, int64_t m, int64_t n, double* a) {
  const GemmF64Kernels& kernels = f64_kernels();
  std::vector<double> v(static_cast<size_t>(n));
  for (int64_t j = 0; j < m; ++j) {
    work.check();
    double* const row = a + j * n + j;
    const int64_t length = n - j;
    const double norm = std::sqrt(kernels.dot(length, row, row));
    if (norm == 0) continue;
    const double target = row[0] > 0 ? -norm : norm;
    std::copy_n(row, length, v.data());
    v[0] -= target;
    const double scale = 2 / kernels.dot(length, v.data(), v.data());
    for_slices(work, m - j - 1, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double* const other = a + (j + 1 + i) * n + j;
        kernels.add_scaled(length, -scale * kernels.dot(length, v.data(), other), v.data(), other);
      }
    });
    std::fill_n(row, length, 0.0);
    row[0] = target;
  }
}

// The pairs of a round of a tournament of `count` players (an even number), in which everybody
// meets everybody once.
std::pair<int64_t, int64_t> pair_of(int64_t count, int64_t round, int64_t i) {
  const int64_t circle = count - 1;
  const auto seat = [&](int64_t at) { return (round + at) % circle; };
  const int64_t a = i == 0 ? circle : seat(i), b = i == 0 ? seat(0) : seat(circle - i);
  return {std::min(a, b), std::max(a, b)};
}

// Rotates rows x and y of n numbers so that they become orthogonal; false if they are already.
bool orthogonalize(int64_t n, double* x, double* y, double& xx, double& yy) {
  const GemmF64Kernels& kernels = f64_kernels();
  const double xy = kernels.dot(n, x, y);
  if (!(std::fabs(xy) > kTolerance * std::sqrt(xx) * std::sqrt(yy))) return false;
  const double zeta = (yy - xx) / (2 * xy);
  const double size = std::fabs(zeta);
  const double t = (zeta < 0 ? -1.0 : 1.0) / (size + std::sqrt(1 + size * size));
  const double cosine = 1 / std::sqrt(1 + t * t);
  kernels.rotate(n, cosine, cosine * t, x, y);
  xx -= t * xy;
  yy += t * xy;
  return true;
}

// Makes the rows of T [m, m] orthogonal. Returns the squares of their norms.
std::vector<double> rotate_rows(const Work& work, int64_t m, double* t) {
  const GemmF64Kernels& kernels = f64_kernels();
  std::vector<double> squares(static_cast<size_t>(m));
  const int64_t players = m + m % 2, pairs = players / 2;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    for_slices(work, m, 16, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        squares[static_cast<size_t>(i)] = kernels.dot(m, t + i * m, t + i * m);
    });
    std::vector<uint8_t> turned(static_cast<size_t>(pairs), 0);
    for (int64_t round = 0; round + 1 < players; ++round) {
      work.check();
      for_slices(work, pairs, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const auto [a, b] = pair_of(players, round, i);
          if (b >= m) continue;  // the seat that an odd number leaves empty
          if (orthogonalize(m, t + a * m, t + b * m, squares[static_cast<size_t>(a)],
                            squares[static_cast<size_t>(b)]))
            turned[static_cast<size_t>(i)] = 1;
        }
      });
    }
    if (std::none_of(turned.begin(), turned.end(), [](uint8_t one) { return one != 0; })) break;
  }
  for (int64_t i = 0; i < m; ++i)
    squares[static_cast<size_t>(i)] = kernels.dot(m, t + i * m, t + i * m);
  return squares;
}

// For m <= n; A is overwritten.
LeftSingular of_wide(const Work& work, int64_t m, int64_t n, double* a, int64_t rank) {
  reduce(work, m, n, a);
  AlignedBuffer<double> t(m * m);  // the columns of L as rows
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < m; ++j) t.data()[j * m + i] = a[i * n + j];
  }
  const std::vector<double> squares = rotate_rows(work, m, t.data());
  std::vector<int64_t> order(static_cast<size_t>(m));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) {
    return squares[static_cast<size_t>(x)] > squares[static_cast<size_t>(y)];
  });
  LeftSingular result;
  for (const int64_t i : order) result.values.push_back(std::sqrt(squares[static_cast<size_t>(i)]));
  result.vectors.assign(static_cast<size_t>(rank * m), 0.0);
  for (int64_t r = 0; r < rank; ++r) {
    const double value = result.values[static_cast<size_t>(r)];
    if (!(value > kRounding * result.values[0])) break;
    const double* const row = t.data() + order[static_cast<size_t>(r)] * m;
    for (int64_t i = 0; i < m; ++i) result.vectors[static_cast<size_t>(r * m + i)] = row[i] / value;
  }
  return result;
}

// Makes the rows of `vectors` unit vectors, each orthogonal to those before it.
void orthonormalize(int64_t rank, int64_t m, const LeftSingular& from, double* vectors) {
  const GemmF64Kernels& kernels = f64_kernels();
  for (int64_t r = 0; r < rank; ++r) {
    double* const row = vectors + r * m;
    const double value = from.values[static_cast<size_t>(r)];
    if (!(value > kRounding * from.values[0])) {
      std::fill_n(row, m, 0.0);
      continue;
    }
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t s = 0; s < r; ++s)
        kernels.add_scaled(m, -kernels.dot(m, row, vectors + s * m), vectors + s * m, row);
    }
    const double norm = std::sqrt(kernels.dot(m, row, row));
    for (int64_t i = 0; i < m; ++i) row[i] /= norm;
  }
}

}  // namespace

LeftSingular left_singular(const Work& work, int64_t m, int64_t n, const double* a, int64_t rank) {
  AlignedBuffer<double> copy(m * n);
  if (m <= n) {
    std::copy_n(a, m * n, copy.data());
    return of_wide(work, m, n, copy.data(), rank);
  }
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) copy.data()[j * m + i] = a[i * n + j];
  }
  const LeftSingular right = of_wide(work, n, m, copy.data(), rank);
  LeftSingular result{right.values, std::vector<double>(static_cast<size_t>(rank * m), 0.0)};
  product_f64(work, {rank, m, n, view(right.vectors.data(), n), view(a, n).transposed(),
                     result.vectors.data(), m});
  orthonormalize(rank, m, result, result.vectors.data());
  return result;
}

}  // namespace sinter
