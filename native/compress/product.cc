// Cuts a product into a grid of blocks. B is packed once for each range of k and shared; a lane
// packs its own rows of A.
#include "compress/product.h"

#include <algorithm>
#include <vector>

#include "base/aligned.h"

namespace sinter {
namespace {

// Elements of k that are packed at once: a panel of B fits the first cache.
constexpr int64_t kDepth = 256;
constexpr int64_t kRowBlock = 64, kColumnBlock = 256;

template <typename T>
void pack(const T* from, int64_t along, int64_t across, int64_t count, int64_t depth, int64_t width,
          double* to) {
  for (int64_t panel = 0; panel < count; panel += width) {
    const int64_t own = std::min(width, count - panel);
    const T* source = from + panel * across;
    for (int64_t p = 0; p < depth; ++p, source += along, to += width) {
      if (across == 1 && own == width) {
        for (int64_t i = 0; i < width; ++i) to[i] = static_cast<double>(source[i]);
        continue;
      }
      for (int64_t i = 0; i < own; ++i) to[i] = static_cast<double>(source[i * across]);
      for (int64_t i = own; i < width; ++i) to[i] = 0.0;
    }
  }
}

// Packs `count` rows of a matrix from row `first` on, and columns [k, k + depth), in panels of
// `width` rows.
void pack_rows(const MatrixView& from, int64_t first, int64_t count, int64_t k, int64_t depth,
               int64_t width, double* to) {
  const int64_t at = first * from.row + k * from.column;
  if (from.floats != nullptr)
    return pack(from.floats + at, from.column, from.row, count, depth, width, to);
  pack(from.doubles + at, from.column, from.row, count, depth, width, to);
}

int64_t blocks_of(int64_t total, int64_t block) { return (total + block - 1) / block; }

}  // namespace

const GemmF64Kernels& f64_kernels() {
  static const GemmF64Kernels& kernels = gemm_f64_rows().pick(active_isa());
  return kernels;
}

void product_f64(const Work& work, const ProductF64& product) {
  const auto& [m, n, k, a, b, c, c_row, subtract, lower] = product;
  if (m == 0 || n == 0) return;
  const int64_t panels = blocks_of(n, kF64ColumnPanel);
  AlignedBuffer<double> packed_b(panels * kF64ColumnPanel * std::min(k, kDepth));
  std::vector<AlignedBuffer<double>> packed_a(static_cast<size_t>(work.team.lanes()));
  const int64_t row_blocks = blocks_of(m, kRowBlock), column_blocks = blocks_of(n, kColumnBlock);
  for (int64_t p = 0; p < k; p += kDepth) {
    work.check();
    const int64_t depth = std::min(kDepth, k - p);
    double* const shared = packed_b.data();
    const MatrixView columns = b.transposed();
    for_slices(work, n, kColumnBlock, [&](int64_t begin, int64_t end) {
      pack_rows(columns, begin, end - begin, p, depth, kF64ColumnPanel, shared + begin * depth);
    });
    work.team.parallel_for(row_blocks, [&](int64_t block, int lane) {
      const int64_t i = block * kRowBlock, rows = std::min(kRowBlock, m - i);
      double* const own = packed_a[static_cast<size_t>(lane)].reserve(kRowBlock * kDepth);
      pack_rows(a, i, rows, p, depth, kF64RowPanel, own);
      for (int64_t column = 0; column < column_blocks; ++column) {
        const int64_t j = column * kColumnBlock;
        if (lower && j > i + rows - 1) break;
        f64_kernels().run({rows, std::min(kColumnBlock, n - j), depth, own, shared + j * depth,
                           c + i * c_row + j, c_row, subtract});
      }
    });
  }
}

void mirror_lower(const Work& work, int64_t n, double* c) {
  constexpr int64_t kTile = 64;
  work.check();
  for_slices(work, n, kTile, [&](int64_t begin, int64_t end) {
    for (int64_t tile = 0; tile < end; tile += kTile) {
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t j = tile; j < std::min(i, tile + kTile); ++j) c[j * n + i] = c[i * n + j];
      }
    }
  });
}

}  // namespace sinter
