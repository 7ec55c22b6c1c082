// The int8 GEMM of 7-bit activations where vpdpbusd is missing. vpmaddubsw adds two products in
// int16 exactly (2 x 127 x 127), and two such results can still be joined (added) in int16 where
// the four weights are small enough. This depends on the weights alone, so pack sorts the groups of
// 8 k of a panel: first the groups that may be joined, then the others; `order` holds the number of
// each group. Sums are integers, so their order changes no bit. Include it after gemm_s8_impl.h.
#pragma once

#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

constexpr int64_t kGroupK = 8;  // two words of A
constexpr int64_t kGroupBytes = kGroupK * kTilePanel;
// The largest sum of weights of one sign whose products with 7-bit codes fit int16: 127 x 258 =
// 32766.
constexpr int64_t kJoinedWeights = 258;
// Bytes of a block of A, which stays in the L2 cache while all panels pass.
constexpr int64_t kRowBlockBytes = 192 * 1024;

// The head of a packed panel: this struct with an entry of `order` for each group, padded to 64
// bytes. Behind it lie the groups, [2 words][16 outputs][4 k].
struct PanelHead {
  uint16_t joined;  // number of groups that may be joined; they come first
  uint16_t order[1];
};

int64_t group_count(int64_t k) { return divide_up(k, kGroupK); }
int64_t head_bytes(int64_t k) { return round_up(2 + 2 * group_count(k), 64); }
int64_t sorted_panel_bytes(int64_t k) { return head_bytes(k) + group_count(k) * kGroupBytes; }

size_t sorted_packed_bytes(int64_t n, int64_t k) {
  return static_cast<size_t>(divide_up(n, kTilePanel) * sorted_panel_bytes(k));
}

int8_t weight_or_zero(int64_t n, int64_t k, const int8_t* w, int64_t j, int64_t p) {
  return j < n && p < k ? w[j * k + p] : int8_t{0};
}

// Whether the joined products of a group (two pairs of k) fit int16 for any 7-bit codes.
bool may_join(int64_t n, int64_t k, const int8_t* w, int64_t panel, int64_t group) {
  for (int64_t j = panel; j < panel + kTilePanel; ++j) {
    for (int64_t half = 0; half < 4; half += 2) {  // the two pairs of k in a word
      int64_t above = 0, below = 0;
      for (int64_t i = 0; i < 4; ++i) {  // a pair of the first word, a pair of the second
        const int64_t p = group * kGroupK + half + i % 2 + i / 2 * 4;
        const int64_t x = weight_or_zero(n, k, w, j, p);
        (x > 0 ? above : below) += x;
      }
      if (above > kJoinedWeights || below < -kJoinedWeights) return false;
    }
  }
  return true;
}

void pack_sorted(int64_t n, int64_t k, const int8_t* w, void* packed) {
  const int64_t groups = group_count(k);
  for (int64_t panel = 0; panel < n; panel += kTilePanel) {
    char* const to = static_cast<char*>(packed) + panel / kTilePanel * sorted_panel_bytes(k);
    PanelHead* const head = reinterpret_cast<PanelHead*>(to);
    __builtin_memset(to, 0, static_cast<size_t>(head_bytes(k)));
    int64_t first = 0, last = groups;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t place = may_join(n, k, w, panel, g) ? first++ : --last;
      head->order[place] = static_cast<uint16_t>(g);
    }
    head->joined = static_cast<uint16_t>(first);
    int8_t* out = reinterpret_cast<int8_t*>(to + head_bytes(k));
    for (int64_t place = 0; place < groups; ++place) {
      for (int64_t word = 0; word < kGroupK; word += 4) {
        for (int64_t j = panel; j < panel + kTilePanel; ++j, out += 4) {
          const int64_t p = head->order[place] * kGroupK + word;
          for (int64_t b = 0; b < 4; ++b) out[b] = weight_or_zero(n, k, w, j, p + b);
        }
      }
    }
  }
}

void unpack_sorted(int64_t n, int64_t k, const void* packed, int8_t* w) {
  for (int64_t j = 0; j < n; ++j) {
    const char* const from =
        static_cast<const char*>(packed) + j / kTilePanel * sorted_panel_bytes(k);
    const PanelHead* const head = reinterpret_cast<const PanelHead*>(from);
    const int8_t* const in =
        reinterpret_cast<const int8_t*>(from + head_bytes(k)) + j % kTilePanel * 4;
    for (int64_t place = 0; place < group_count(k); ++place) {
      for (int64_t b = 0; b < kGroupK; ++b) {
        const int64_t p = head->order[place] * kGroupK + b;
        if (p < k) w[j * k + p] = in[place * kGroupBytes + b / 4 * 4 * kTilePanel + b % 4];
      }
    }
  }
}

struct PanelArgs {
  const PanelHead* head;
  const char* groups;
  int64_t count;  // of groups
  const uint8_t* a;
  int64_t a_row;
  float* c;
  int64_t c_row;
  int64_t i, j, columns;
};

// The product of kRows rows of A with one panel, up to the activation. Not inlined, so that the
// compiler allocates registers for each number of rows by itself.
template <class T, int kRows, class Epilogue>
__attribute__((noinline)) void panel_tile(const PanelArgs& args, const Epilogue& epilogue) {
  typename T::Reg sum[kRows][T::kRegs];
  SINTER_UNROLL
  for (int r = 0; r < kRows; ++r) {
    SINTER_UNROLL
    for (int q = 0; q < T::kRegs; ++q) sum[r][q] = T::zero();
  }
  const char* b = args.groups;
  const uint16_t* order = args.head->order;
  for (const uint16_t* end = order + args.head->joined; order != end; ++order, b += kGroupBytes) {
    const uint8_t* const a = args.a + *order * kGroupK;
    typename T::Reg first[T::kRegs], second[T::kRegs];
    SINTER_UNROLL
    for (int q = 0; q < T::kRegs; ++q) {
      first[q] = T::load_b(b, q);
      second[q] = T::load_b(b + kGroupBytes / 2, q);
    }
    SINTER_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const typename T::Reg x = T::broadcast(a + r * args.a_row);
      const typename T::Reg y = T::broadcast(a + r * args.a_row + 4);
      SINTER_UNROLL
      for (int q = 0; q < T::kRegs; ++q) {
        sum[r][q] = T::add_pairs(sum[r][q], T::join(T::pairs(x, first[q]), T::pairs(y, second[q])));
      }
    }
  }
  for (const uint16_t* end = args.head->order + args.count; order != end; ++order) {
    for (int word = 0; word < 2; ++word, b += kGroupBytes / 2) {
      const uint8_t* const a = args.a + *order * kGroupK + 4 * word;
      SINTER_UNROLL
      for (int r = 0; r < kRows; ++r) {
        const typename T::Reg x = T::broadcast(a + r * args.a_row);
        SINTER_UNROLL
        for (int q = 0; q < T::kRegs; ++q) {
          sum[r][q] = T::add_pairs(sum[r][q], T::pairs(x, T::load_b(b, q)));
        }
      }
    }
  }
  const auto column = epilogue.column(args.j, args.columns);
  SINTER_UNROLL
  for (int r = 0; r < kRows; ++r) {
    epilogue.linear(column, args.i + r, T::lanes(sum[r])).store(args.c + r * args.c_row);
  }
}

template <class T, class Epilogue, int kRows = T::kMaxRows>
void run_panel_tile(int64_t rows, const PanelArgs& args, const Epilogue& epilogue) {
  if constexpr (kRows > 0) {
    if (rows != kRows) return run_panel_tile<T, Epilogue, kRows - 1>(rows, args, epilogue);
    panel_tile<T, kRows>(args, epilogue);
  }
}

// Runs rows begin..end against the panel of column j, which stays in the L1 cache.
template <class T, class Epilogue>
void run_panel(const GemmS8Args& args, int64_t begin, int64_t end, int64_t j,
               const Epilogue& epilogue) {
  const char* const panel =
      static_cast<const char*>(args.b) + j / kTilePanel * sorted_panel_bytes(args.k);
  const int64_t columns = smaller(kTilePanel, args.n - j);
  alignas(64) float edge[T::kMaxRows * kTilePanel];
  const int64_t tiles = divide_up(end - begin, T::kMaxRows);
  int64_t i = begin;
  for (int64_t t = 0; t < tiles; ++t) {  // nearly equal tiles
    const int64_t rows = (end - i) / (tiles - t);
    float* const c = args.c + i * args.c_row + j;
    PanelArgs tile = {reinterpret_cast<const PanelHead*>(panel),
                      panel + head_bytes(args.k),
                      group_count(args.k),
                      args.a + i * args.a_row,
                      args.a_row,
                      c,
                      args.c_row,
                      i,
                      j,
                      columns};
    const bool partial = columns < kTilePanel;
    if (partial) {
      tile.c = edge;
      tile.c_row = kTilePanel;
    }
    run_panel_tile<T>(rows, tile, epilogue);
    epilogue.activate_tile(rows, columns, tile.c, tile.c_row);
    if (partial) copy_columns(rows, columns, edge, kTilePanel, c, args.c_row);
    i += rows;
  }
}

template <class T, class V>
void run_sorted(const GemmS8Args& args) {
  const ScaleEpilogue<V> epilogue = {args};
  const int64_t wanted = larger(16, kRowBlockBytes / larger(1, args.a_row));
  const int64_t blocks = divide_up(args.m, wanted);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = args.m * block / blocks, end = args.m * (block + 1) / blocks;
    for (int64_t j = 0; j < args.n; j += kTilePanel) {
      run_panel<T>(args, begin, end, j, epilogue);
    }
  }
}

template <class T, class V>
constexpr GemmS8Format make_sorted_format() {
  return {sorted_packed_bytes, pack_sorted, unpack_sorted, run_sorted<T, V>};
}

}  // namespace
}  // namespace sinter
