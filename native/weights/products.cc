// Cuts a product into a grid of row blocks and panel blocks: a few blocks per lane, so that no lane
// waits long for the last one.
#include "weights/products.h"

#include <algorithm>

namespace sinter {
namespace {

// Blocks are multiples of these, so that register tiles stay full: 2 panels (the widest tile) and
// 84 rows (a multiple of 6, 12 and 14).
constexpr int64_t kColumnGrain = 2 * kGemmPanel;
constexpr int64_t kRowGrain = 84;
// Multiply-adds that make a block worth handing to another lane (a hand-over costs 1 to 2 us).
constexpr int64_t kMinWork = 1'000'000;
// The most blocks per lane. An f32 product of at most kFewRows rows gets one: it waits for weights
// from memory, and a block prefetches only its own.
constexpr int64_t kMaxBlocks = 6, kFewRows = 32;

// Rows [row, row + m) and columns [column, column + n) of a product, on one lane.
struct Block {
  int64_t row, m, column, n;
  int lane;
};

template <typename Task>
void for_blocks(Lanes& all, int64_t m, int64_t n, int64_t k, int64_t most, const Task& task) {
  const int64_t column_grains = (n + kColumnGrain - 1) / kColumnGrain;
  const int64_t row_grains = (m + kRowGrain - 1) / kRowGrain;
  const int64_t lanes = all.lanes(), work = m * n * k;
  // The number of blocks is a multiple of the lanes, so that all lanes end together.
  const int64_t each = std::clamp<int64_t>(work / (kMinWork * lanes), 1, most);
  const int64_t wanted = work < 2 * kMinWork ? 1 : each * lanes;
  // Cuts rows before columns: every block copies its rows of A, so narrow blocks of all rows would
  // copy most.
  const int64_t rows = lanes == 1 ? 1 : std::min(row_grains, wanted);
  const int64_t columns = lanes == 1 ? 1 : std::min(column_grains, (wanted + rows - 1) / rows);
  all.parallel(columns * rows, work, [&](int64_t i, int lane) {
    const int64_t c = i % columns, r = i / columns;
    const int64_t n0 = column_grains * c / columns * kColumnGrain;
    const int64_t n1 = std::min(n, column_grains * (c + 1) / columns * kColumnGrain);
    const int64_t m0 = row_grains * r / rows * kRowGrain;
    const int64_t m1 = std::min(m, row_grains * (r + 1) / rows * kRowGrain);
    task({m0, m1 - m0, n0, n1 - n0, lane});
  });
}

}  // namespace

void product_f32(Lanes& lanes, const GemmF32Args& args) {
  if (args.m == 0 || args.n == 0) return;
  const int64_t most = args.m <= kFewRows ? 1 : kMaxBlocks;
  const GemmF32Kernels& gemm = active_kernels().gemm_f32;
  for_blocks(lanes, args.m, args.n, args.k, most, [&](const Block& at) {
    GemmF32Args block = args;
    block.m = at.m;
    block.n = at.n;
    block.a += at.row * args.a_row;
    block.b += at.column * args.k;
    block.c += at.row * args.c_row + at.column;
    if (block.bias != nullptr) block.bias += at.column;
    gemm.run(block);
  });
}

void product_s8(Lanes& lanes, const GemmS8Format& gemm, const GemmS8Args& args) {
  if (args.m == 0 || args.n == 0) return;
  for_blocks(lanes, args.m, args.n, args.k, kMaxBlocks, [&](const Block& at) {
    GemmS8Args block = args;
    block.m = at.m;
    block.n = at.n;
    block.a += at.row * args.a_row;
    block.a_scale += at.row;
    block.a_zero += at.row;
    block.b = static_cast<const uint8_t*>(args.b) + gemm.packed_bytes(at.column, args.k);
    block.w_scale += at.column;
    block.w_sum += at.column;
    block.c += at.row * args.c_row + at.column;
    if (block.bias != nullptr) block.bias += at.column;
    gemm.run(block);
  });
}

void product_widened(Lanes& lanes, int64_t n, int64_t k, WidenRows widen, const Product& product) {
  if (product.rows == 0) return;
  const GemmF32Kernels& gemm = active_kernels().gemm_f32;
  for_blocks(lanes, product.rows, n, k, kMaxBlocks, [&](const Block& at) {
    constexpr int64_t kFloatBytes = sizeof(float);
    const int64_t size = kColumnGrain * k;
    float* widened = reinterpret_cast<float*>(lanes.lane_bytes(at.lane, 2 * size * kFloatBytes));
    float* packed = widened + size;
    for (int64_t column = at.column; column < at.column + at.n; column += kColumnGrain) {
      const int64_t columns = std::min(kColumnGrain, at.column + at.n - column);
      widen(column, column + columns, widened);
      gemm.pack(k, columns, widened, 1, k, packed);
      gemm.run({at.m, columns, k, product.x + at.row * k, k, 1, packed,
                product.y + at.row * n + column, n,
                product.bias == nullptr ? nullptr : product.bias + column, product.activation,
                /*accumulate=*/false});
    }
  });
}

const float* pack_shared(Lanes& lanes, int64_t k, int64_t n, const float* b, int64_t b_row,
                         int64_t b_col) {
  const GemmF32Kernels& gemm = active_kernels().gemm_f32;
  float* packed = reinterpret_cast<float*>(
      lanes.shared_scratch(gemm_f32_packed_floats(k, n) * static_cast<int64_t>(sizeof(float))));
  lanes.parallel_ranges(n, kGemmPanel, k, [&](int64_t begin, int64_t end, int) {
    gemm.pack(k, end - begin, b + begin * b_col, b_row, b_col, packed + begin * k);
  });
  return packed;
}

}  // namespace sinter
