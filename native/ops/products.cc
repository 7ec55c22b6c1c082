// A grid of row blocks and panel blocks; a few blocks a lane keep the tail short.
#include "ops/products.h"

namespace sinter {
namespace {

// Blocks are multiples of these, so that register tiles stay full: 2 panels (the widest tile) and
// 84 rows (a multiple of 6, 12 and 14).
constexpr int64_t kColumnGrain = 2 * kGemmPanel;
constexpr int64_t kRowGrain = 84;
// Multiply-adds of a block that is worth handing to another lane (a hand-over costs 1 to 2 us).
constexpr int64_t kMinWork = 1'000'000;
// Blocks a lane, at most. Few rows of f32 wait for weights, which a block fetches ahead only inside
// itself, so there it is one.
constexpr int64_t kMostBlocks = 6, kFewRows = 32;

template <typename Task>
void for_blocks(Run& run, int64_t m, int64_t n, int64_t k, int64_t most, const Task& task) {
  const int64_t column_grains = (n + kColumnGrain - 1) / kColumnGrain;
  const int64_t row_grains = (m + kRowGrain - 1) / kRowGrain;
  const int64_t lanes = run.lanes(), work = m * n * k;
  // A multiple of the lanes, so that they end together.
  const int64_t each = std::clamp<int64_t>(work / (kMinWork * lanes), 1, most);
  const int64_t wanted = work < 2 * kMinWork ? 1 : each * lanes;
  // Rows first: every block copies its rows once, so narrow blocks of all rows copy most.
  const int64_t rows = lanes == 1 ? 1 : std::min(row_grains, wanted);
  const int64_t columns = lanes == 1 ? 1 : std::min(column_grains, (wanted + rows - 1) / rows);
  run.parallel(columns * rows, work, [&](int64_t i, int) {
    const int64_t c = i % columns, r = i / columns;
    const int64_t n0 = column_grains * c / columns * kColumnGrain;
    const int64_t n1 = std::min(n, column_grains * (c + 1) / columns * kColumnGrain);
    const int64_t m0 = row_grains * r / rows * kRowGrain;
    const int64_t m1 = std::min(m, row_grains * (r + 1) / rows * kRowGrain);
    task(m0, m1 - m0, n0, n1 - n0);
  });
}

}  // namespace

void product_f32(Run& run, const GemmF32Args& args) {
  if (args.m == 0 || args.n == 0) return;
  const int64_t most = args.m <= kFewRows ? 1 : kMostBlocks;
  for_blocks(run, args.m, args.n, args.k, most,
             [&](int64_t row, int64_t m, int64_t column, int64_t n) {
               GemmF32Args block = args;
               block.m = m;
               block.n = n;
               block.a += row * args.a_row;
               block.b += column * args.k;
               block.c += row * args.c_row + column;
               if (block.bias != nullptr) block.bias += column;
               run.kernels.gemm_f32.run(block);
             });
}

void product_s8(Run& run, const GemmS8Format& gemm, const GemmS8Args& args) {
  if (args.m == 0 || args.n == 0) return;
  for_blocks(run, args.m, args.n, args.k, kMostBlocks,
             [&](int64_t row, int64_t m, int64_t column, int64_t n) {
               GemmS8Args block = args;
               block.m = m;
               block.n = n;
               block.a += row * args.a_row;
               block.a_scale += row;
               block.a_zero += row;
               block.b = static_cast<const uint8_t*>(args.b) + gemm.packed_bytes(column, args.k);
               block.w_scale += column;
               block.w_sum += column;
               block.c += row * args.c_row + column;
               if (block.bias != nullptr) block.bias += column;
               gemm.run(block);
             });
}

const float* pack_shared(Run& run, int64_t k, int64_t n, const float* b, int64_t b_row,
                         int64_t b_col) {
  float* packed = reinterpret_cast<float*>(
      run.shared_scratch(gemm_f32_packed_floats(k, n) * static_cast<int64_t>(sizeof(float))));
  run.parallel_ranges(n, kGemmPanel, k, [&](int64_t begin, int64_t end, int) {
    run.kernels.gemm_f32.pack(k, end - begin, b + begin * b_col, b_row, b_col, packed + begin * k);
  });
  return packed;
}

}  // namespace sinter
