// The int8 GEMM of the vector ISAs: packing, the copy of A and the epilogue around tile_driver.h. A
// word (4 bytes) of A holds T::kGroup consecutive k: four uint8 (vpdpbusd) or two int16 (vpmaddwd).
// A word of a packed panel holds the same k for 16 outputs, always as int8. Include it after
// base/simd/<isa>.h. An ISA that multiplies pairs of rows (smmla) has its own kPackGroup, the
// consecutive k of an output that are packed together, and k padded to a multiple of it.
#pragma once

#include "kernels/gemm_f32/tile_activation.h"
#include "kernels/gemm_f32/tile_driver.h"
#include "kernels/gemm_s8/gemm_s8.h"

namespace sinter {
namespace {

// What k is padded to a multiple of, where `kGroup` k of an output are packed together.
constexpr int64_t padding(int kGroup) { return kGroup > 4 ? kGroup : 4; }

template <int kGroup = 4>
int64_t panel_bytes(int64_t k) {
  return round_up(k, padding(kGroup)) * kTilePanel;
}

template <int kGroup = 4>
size_t packed_bytes(int64_t n, int64_t k) {
  return static_cast<size_t>(divide_up(n, kTilePanel) * panel_bytes<kGroup>(k));
}

// packed[panel][k / kGroup][16 outputs][kGroup], zero padded to 16 outputs and in k.
template <int kGroup>
void pack_groups(int64_t n, int64_t k, const int8_t* w, void* packed) {
  int8_t* const to = static_cast<int8_t*>(packed);
  const int64_t padded_k = round_up(k, padding(kGroup));
  for (int64_t j = 0; j < round_up(n, kTilePanel); ++j) {
    int8_t* out = to + j / kTilePanel * panel_bytes<kGroup>(k) + j % kTilePanel * kGroup;
    const int64_t whole = j < n ? k / kGroup * kGroup : 0;
    int64_t p = 0;
    for (; p < whole; p += kGroup, out += kTilePanel * kGroup) {
      __builtin_memcpy(out, w + j * k + p, kGroup);
    }
    for (; p < padded_k; p += kGroup, out += kTilePanel * kGroup) {
      for (int64_t g = 0; g < kGroup; ++g)
        out[g] = j < n && p + g < k ? w[j * k + p + g] : int8_t{0};
    }
  }
}

template <int kGroup>
void unpack_groups(int64_t n, int64_t k, const void* packed, int8_t* w) {
  const int8_t* const from = static_cast<const int8_t*>(packed);
  for (int64_t j = 0; j < n; ++j) {
    const int8_t* in = from + j / kTilePanel * panel_bytes<kGroup>(k) + j % kTilePanel * kGroup;
    for (int64_t p = 0; p < k; ++p) {
      w[j * k + p] = in[p / kGroup * kTilePanel * kGroup + p % kGroup];
    }
  }
}

// Copies a tile of A to rows of kTileRow words. It may read whole groups of 64 k, because rows of A
// are padded.
template <class T>
struct ByteSource {
  const uint8_t* a;
  int64_t a_row;

  void copy(int64_t i, int64_t rows, int64_t k_word, int64_t words, float* to) const {
    for (int64_t r = 0; r < rows; ++r) {
      T::copy_words(a + (i + r) * a_row + k_word * T::kGroup, words, to + r * kTileRow);
    }
  }
};

// `offset`: what the copy of A took from every code (ByteSource), given back by the sums of the
// weights.
template <class V>
struct ScaleEpilogue {
  const GemmS8Args& args;
  int32_t offset = 0;

  struct Column {
    I32x16 w_sum;
    V w_scale, bias;
  };

  bool has_linear() const { return true; }

  SINTER_SIMD Column column(int64_t j, int64_t columns) const {
    return {as_int(V::load_n(reinterpret_cast<const float*>(args.w_sum + j), columns)),
            V::load_n(args.w_scale + j, columns),
            args.bias == nullptr ? V::zero() : V::load_n(args.bias + j, columns)};
  }

  SINTER_SIMD V linear(const Column& column, int64_t i, I32x16 sum) const {
    const I32x16 zero = I32x16::set(offset - args.a_zero[i]);
    const V x = to_float(sum + zero * column.w_sum) * (V::set(args.a_scale[i]) * column.w_scale);
    return args.bias == nullptr ? x : x + column.bias;
  }

  void activate_tile(int64_t rows, int64_t columns, float* c, int64_t c_row) const {
    activate_rows<V>(args.activation, rows, columns, c, c_row);
  }
};

template <class T>
constexpr int pack_group() {
  if constexpr (requires { T::kPackGroup; }) return T::kPackGroup;
  return T::kGroup;
}

template <class T, class V>
void run_gemm(const GemmS8Args& args) {
  constexpr int kPack = pack_group<T>();
  const TileProblem problem = {args.m,
                               args.n,
                               divide_up(round_up(args.k, kPack), T::kGroup),
                               static_cast<const char*>(args.b),
                               panel_bytes<kPack>(args.k),
                               args.c,
                               args.c_row,
                               false};
  run_tiles<T>(problem, ByteSource<T>{args.a, args.a_row}, ScaleEpilogue<V>{args, T::kOffset});
}

template <class T, class V>
constexpr GemmS8Format make_format() {
  constexpr int kPack = pack_group<T>();
  return {packed_bytes<kPack>, pack_groups<kPack>, unpack_groups<kPack>, run_gemm<T, V>};
}

}  // namespace
}  // namespace sinter
