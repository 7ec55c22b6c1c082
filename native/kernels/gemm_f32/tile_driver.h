// The loops that the GEMMs of all vector ISAs share: tiles of rows x panels of 16 columns, one K
// block after another. Include it only from files built for one ISA. Sizes are in words of 4 bytes:
// a word of A is one float, four int8 or two int16; a word of C is a float or an int32 sum. C
// carries the sum from one K block to the next, so every output is one chain in increasing k.
//
// T (the arithmetic of one ISA) has Reg, kRegs (registers of a panel), kLanes, kStep (bytes of a
// word of a packed panel), kMaxRows, panels(rows), zero, load, store, load_b, broadcast, mul_add,
// lanes (kRegs registers as 16 virtual lanes). An ISA that multiplies by one lane of a register
// also has kQuad (words of A in a register), load_quad and mul_add_lane. One that multiplies two
// rows by two columns has kPairDepth (words of A that it takes at once) and multiply_pairs in place
// of load_b, broadcast and mul_add. Source copies a
// tile of A. Epilogue has linear (turns the sums of the last K block into floats, in registers) and
// activate_tile.
#pragma once

#include <stdint.h>

#if defined(__clang__)
#define SINTER_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define SINTER_UNROLL _Pragma("GCC unroll 32")
#else
#define SINTER_UNROLL
#endif

namespace sinter {
namespace {

constexpr int64_t kTilePanel = 16;
constexpr int64_t kBlockWords = 384;  // words of a K block: a tile of A stays in L1
constexpr int64_t kTileRow =
    kBlockWords + 16;              // words per row of the copy of A: no two rows share a cache set
constexpr int64_t kTileRows = 32;  // rows of the copy; at least kMaxRows of every T
constexpr int64_t kBlockBytes = 640 * 1024;  // bytes of packed B that stay in the L2 cache

struct TileProblem {
  int64_t m, n, words;
  const char* b;
  int64_t panel_bytes;
  float* c;
  int64_t c_row;
  bool accumulate;
};

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

struct TileArgs {
  int64_t words;
  const float* a;  // kTileRow words between rows
  const char* b;
  int64_t panel_bytes;
  float* c;
  int64_t c_row;
  bool load;        // sums start at C, not at 0
  bool finish;      // the last K block, with an epilogue that has_linear()
  int64_t i, j;     // row and column of C
  int64_t columns;  // columns of C; the tile may be wider
  // The panels to prefetch meanwhile: those after b, as many as this tile has.
  const char* next;
  int64_t next_step;  // bytes to prefetch per word of k
};

// One word of k: the columns of B times lane kLane of each row.
template <class T, int kRows, int kPanels, int kLane>
SINTER_SIMD void multiply_lane(typename T::Reg (&sum)[kRows][kPanels * T::kRegs],
                               const typename T::Reg (&rows)[kRows], const char* b,
                               int64_t panel_bytes) {
  SINTER_UNROLL
  for (int j = 0; j < kPanels * T::kRegs; ++j) {
    const typename T::Reg column =
        T::load_b(b + kLane * T::kStep + j / T::kRegs * panel_bytes, j % T::kRegs);
    SINTER_UNROLL
    for (int r = 0; r < kRows; ++r) {
      sum[r][j] = T::template mul_add_lane<kLane>(sum[r][j], rows[r], column);
    }
  }
}

// Not inlined, so that the compiler allocates registers for each size of tile by itself.
template <class T, int kRows, int kPanels, class Epilogue>
__attribute__((noinline)) void tile(const TileArgs& args, const Epilogue& epilogue) {
  constexpr int kWidth = kPanels * T::kRegs;
  typename T::Reg sum[kRows][kWidth];
  SINTER_UNROLL
  for (int r = 0; r < kRows; ++r) {
    SINTER_UNROLL
    for (int j = 0; j < kWidth; ++j) {
      sum[r][j] = args.load ? T::load(args.c + r * args.c_row + j * T::kLanes) : T::zero();
    }
  }
  if constexpr (requires { T::kPairDepth; }) {
    T::template multiply_pairs<kRows, kPanels>(sum, args);
  } else {
    const float* a = args.a;
    const char* b = args.b;
    const int64_t panel_bytes = args.panel_bytes;
    const char* next = args.next;
    const int64_t next_step = args.next_step;
    const float* const end = a + args.words;
    if constexpr (requires { T::kQuad; }) {
      static_assert(T::kQuad == 4);  // the four lanes below
      for (; end - a >= T::kQuad; a += T::kQuad) {
        typename T::Reg rows[kRows];
        SINTER_UNROLL
        for (int r = 0; r < kRows; ++r) rows[r] = T::load_quad(a + r * kTileRow);
        for (int q = 0; kRows > 1 && q < T::kQuad; ++q, next += next_step) {
          for (int p = 0; p < kPanels; ++p) __builtin_prefetch(next + p * panel_bytes);
        }
        multiply_lane<T, kRows, kPanels, 0>(sum, rows, b, panel_bytes);
        multiply_lane<T, kRows, kPanels, 1>(sum, rows, b, panel_bytes);
        multiply_lane<T, kRows, kPanels, 2>(sum, rows, b, panel_bytes);
        multiply_lane<T, kRows, kPanels, 3>(sum, rows, b, panel_bytes);
        b += T::kQuad * T::kStep;
      }
    }
    for (; a != end; ++a, b += T::kStep, next += next_step) {
      if constexpr (kRows == 1) {
        // One column at a time, because all columns and their sums would need the whole register
        // file. A single row reads the panels faster without explicit prefetches.
        const typename T::Reg row = T::broadcast(a);
        SINTER_UNROLL
        for (int j = 0; j < kWidth; ++j) {
          const typename T::Reg column = T::load_b(b + j / T::kRegs * panel_bytes, j % T::kRegs);
          sum[0][j] = T::mul_add(sum[0][j], row, column);
        }
        continue;
      }
      SINTER_UNROLL
      for (int p = 0; p < kPanels; ++p) __builtin_prefetch(next + p * panel_bytes);
      typename T::Reg column[kWidth];
      SINTER_UNROLL
      for (int j = 0; j < kWidth; ++j) {
        column[j] = T::load_b(b + j / T::kRegs * panel_bytes, j % T::kRegs);
      }
      SINTER_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const typename T::Reg row = T::broadcast(a + r * kTileRow);
        SINTER_UNROLL
        for (int j = 0; j < kWidth; ++j) sum[r][j] = T::mul_add(sum[r][j], row, column[j]);
      }
    }
  }
  if (args.finish) {
    SINTER_UNROLL
    for (int p = 0; p < kPanels; ++p) {
      const auto column = epilogue.column(args.j + p * kTilePanel,
                                          smaller(kTilePanel, args.columns - p * kTilePanel));
      SINTER_UNROLL
      for (int r = 0; r < kRows; ++r) {
        epilogue.linear(column, args.i + r, T::lanes(sum[r] + p * T::kRegs))
            .store(args.c + r * args.c_row + p * kTilePanel);
      }
    }
    return;
  }
  SINTER_UNROLL
  for (int r = 0; r < kRows; ++r) {
    SINTER_UNROLL
    for (int j = 0; j < kWidth; ++j) T::store(args.c + r * args.c_row + j * T::kLanes, sum[r][j]);
  }
}

// Runs the tile of `rows` rows and `panels` panels; `panels` is a power of two, at most
// T::panels(rows).
template <class T, class Epilogue, int kRows = T::kMaxRows>
void run_tile(int64_t rows, int64_t panels, const TileArgs& args, const Epilogue& epilogue) {
  if constexpr (kRows > 0) {
    if (rows != kRows) return run_tile<T, Epilogue, kRows - 1>(rows, panels, args, epilogue);
    constexpr int kMost = T::panels(kRows);
    if constexpr (kMost >= 4) {
      if (panels == 4) return tile<T, kRows, 4>(args, epilogue);
    }
    if constexpr (kMost >= 2) {
      if (panels == 2) return tile<T, kRows, 2>(args, epilogue);
    }
    tile<T, kRows, 1>(args, epilogue);
  }
}

void copy_columns(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
                  int64_t to_row) {
  for (int64_t r = 0; r < rows; ++r) {
    __builtin_memcpy(to + r * to_row, from + r * from_row,
                     static_cast<uint64_t>(columns) * sizeof(float));
  }
}

struct Block {
  int64_t words_begin, words;   // of k
  int64_t panel_begin, panels;  // of n
  bool first, last;             // of the K blocks
  const char* after;            // the panels read after this block, or nullptr
};

// Rows of C that share one copy of A, cut into nearly equal tiles.
struct Rows {
  int64_t begin, count, tiles;
  int64_t at(int64_t tile) const { return begin + count * tile / tiles; }
};

// Runs all tiles of `rows` against `panels` panels from p on. With few rows the weights come from
// memory or a far cache, so each tile prefetches its share of the panels that follow.
template <class T, class Epilogue>
void run_panels(const TileProblem& problem, const Block& block, const Rows& rows, int64_t p,
                int64_t panels, const float* a, const Epilogue& epilogue) {
  alignas(64) float edge[kTileRows * kTilePanel];
  const int64_t j = p * kTilePanel, block_end = block.panel_begin + block.panels;
  const int64_t columns = smaller(panels * kTilePanel, problem.n - j);
  const bool partial = columns < panels * kTilePanel;  // then panels is 1
  const bool load = problem.accumulate || !block.first;
  const char* const b = problem.b + p * problem.panel_bytes + block.words_begin * T::kStep;
  const char* next = p + panels < block_end ? b + panels * problem.panel_bytes : block.after;
  if (next == nullptr) next = b;
  for (int64_t t = 0; t < rows.tiles; ++t) {
    const int64_t i = rows.at(t), count = rows.at(t + 1) - i;
    float* const c = problem.c + i * problem.c_row + j;
    TileArgs args = {block.words,
                     a + (i - rows.begin) * kTileRow,
                     b,
                     problem.panel_bytes,
                     c,
                     problem.c_row,
                     load,
                     block.last && epilogue.has_linear(),
                     i,
                     j,
                     columns,
                     next + block.words * T::kStep * t / rows.tiles,
                     T::kStep / rows.tiles};
    if (partial) {
      args.c = edge;
      args.c_row = kTilePanel;
      for (int64_t w = 0; load && w < count * kTilePanel; ++w) edge[w] = 0.0f;
      if (load) copy_columns(count, columns, c, problem.c_row, edge, kTilePanel);
    }
    run_tile<T>(count, panels, args, epilogue);
    if (block.last) epilogue.activate_tile(count, columns, args.c, args.c_row);
    if (partial) copy_columns(count, columns, edge, kTilePanel, c, problem.c_row);
  }
}

// One block of rows against one block of B. Panels are the outer loop and tiles the inner one, so
// that each panel is fetched from a far cache only once.
template <class T, class Epilogue>
void run_rows(const TileProblem& problem, const Block& block, const Rows& rows, const float* a,
              const Epilogue& epilogue) {
  const int64_t most = T::panels(static_cast<int>(divide_up(rows.count, rows.tiles)));
  const int64_t end = block.panel_begin + block.panels;
  for (int64_t p = block.panel_begin; p < end;) {
    int64_t panels = most;
    const int64_t full = smaller(end, problem.n / kTilePanel) - p;
    while (panels > 1 && panels > full) panels /= 2;
    run_panels<T>(problem, block, rows, p, panels, a, epilogue);
    p += panels;
  }
}

template <class T, class Source, class Epilogue>
void run_tiles(const TileProblem& problem, const Source& source, const Epilogue& epilogue) {
  constexpr int64_t kTilesOfCopy = kTileRows / T::kMaxRows;
  static_assert(kTilesOfCopy > 0);
  if (problem.m <= 0 || problem.n <= 0) return;
  alignas(64) float a[kTileRows * kTileRow];
  const int64_t k_blocks = larger(1, divide_up(problem.words, kBlockWords));
  const int64_t words = larger(16, round_up(divide_up(problem.words, k_blocks), 16));
  const int64_t row_tiles = divide_up(problem.m, T::kMaxRows);
  const int64_t copies = divide_up(row_tiles, kTilesOfCopy);
  const Rows all = {0, problem.m, row_tiles};
  const int64_t total_panels = divide_up(problem.n, kTilePanel);
  const int64_t panels =
      copies == 1 ? total_panels : larger(8, kBlockBytes / (words * T::kStep) / 8 * 8);
  int64_t k = 0;
  do {
    const bool last = k + words >= problem.words;
    Block block = {k, smaller(words, problem.words - k), 0, 0, k == 0, last, nullptr};
    const char* const b = problem.b + k * T::kStep;
    const char* const next_k = last ? nullptr : b + words * T::kStep;
    for (; block.panel_begin < total_panels; block.panel_begin += panels) {
      block.panels = smaller(panels, total_panels - block.panel_begin);
      const int64_t block_end = block.panel_begin + block.panels;
      for (int64_t copy = 0; copy < copies; ++copy) {
        const int64_t first = row_tiles * copy / copies, end = row_tiles * (copy + 1) / copies;
        const int64_t i = all.at(first);
        const Rows rows = {i, all.at(end) - i, end - first};
        block.after = copy + 1 < copies          ? b + block.panel_begin * problem.panel_bytes
                      : block_end < total_panels ? b + block_end * problem.panel_bytes
                                                 : next_k;
        if (block.words > 0) source.copy(i, rows.count, k, block.words, a);
        run_rows<T>(problem, block, rows, a, epilogue);
      }
    }
    k += words;
  } while (k < problem.words);
}

}  // namespace
}  // namespace sinter
