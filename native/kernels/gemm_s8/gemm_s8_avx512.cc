// int8 GEMM at avx512 without VNNI, built as at avx2: vpmaddwd for 8-bit activations, with weights
// widened at load; vpmaddubsw for 7-bit activations.
#include "base/simd/avx512.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"
#include "kernels/gemm_s8/seven_bits.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m512i;
  static constexpr int kRegs = 1, kLanes = 16, kStep = 32, kMaxRows = 12, kGroup = 2, kOffset = 0;
  static constexpr int panels(int rows) { return rows <= 5 ? 4 : 2; }
  static Reg zero() { return _mm512_setzero_si512(); }
  static Reg load(const float* c) { return _mm512_loadu_si512(c); }
  static void store(float* c, Reg x) { _mm512_storeu_si512(c, x); }
  static Reg load_b(const char* b, int) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0]}; }
  static Reg broadcast(const float* a) { return _mm512_castps_si512(_mm512_set1_ps(*a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
  }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 16) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * w));
      _mm512_storeu_si512(to + w, _mm512_cvtepu8_epi16(bytes));
    }
  }
};

struct SevenBits {
  using Reg = __m512i;
  static constexpr int kRegs = 1, kMaxRows = 12;
  static Reg zero() { return _mm512_setzero_si512(); }
  static Reg load_b(const char* b, int) { return _mm512_loadu_si512(b); }
  static Reg broadcast(const uint8_t* a) {
    return _mm512_castps_si512(_mm512_set1_ps(*reinterpret_cast<const float*>(a)));
  }
  static Reg pairs(Reg a, Reg b) { return _mm512_maddubs_epi16(a, b); }
  static Reg join(Reg x, Reg y) { return _mm512_add_epi16(x, y); }
  static Reg add_pairs(Reg sum, Reg x) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(x, _mm512_set1_epi16(1)));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0]}; }
};

}  // namespace

const GemmS8Kernels& gemm_s8_avx512() {
  static constexpr GemmS8Kernels kKernels = {make_format<Arithmetic, F32x16>(),
                                             make_sorted_format<SevenBits, F32x16>()};
  return kKernels;
}

}  // namespace sinter
