// int8 GEMM at avx2. 8-bit activations: vpmaddwd on int16, to which both sides are widened, because
// vpmaddubsw would saturate. 7-bit activations: vpmaddubsw (seven_bits.h). The weights stay int8 in
// memory and are widened at load, once for the 6 rows of a tile: weights packed as int16 measured 3
// to 7 % faster at 256 rows, 13 % slower at 1 row (Zen 5), and take twice the memory.
#include "base/simd/avx2.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"
#include "kernels/gemm_s8/seven_bits.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m256i;
  static constexpr int kRegs = 2, kLanes = 8, kStep = 32, kMaxRows = 6, kGroup = 2, kOffset = 0;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg load(const float* c) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(c));
  }
  static void store(float* c, Reg x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), x); }
  static Reg load_b(const char* b, int reg) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b) + reg));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0], x[1]}; }
  static Reg broadcast(const float* a) { return _mm256_castps_si256(_mm256_broadcast_ss(a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 8) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * w));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + w), _mm256_cvtepu8_epi16(bytes));
    }
  }
};

struct SevenBits {
  using Reg = __m256i;
  static constexpr int kRegs = 2, kMaxRows = 4;
  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg load_b(const char* b, int reg) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b) + reg);
  }
  static Reg broadcast(const uint8_t* a) {
    return _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(a)));
  }
  static Reg pairs(Reg a, Reg b) { return _mm256_maddubs_epi16(a, b); }
  static Reg join(Reg x, Reg y) { return _mm256_add_epi16(x, y); }
  static Reg add_pairs(Reg sum, Reg x) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, _mm256_set1_epi16(1)));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0], x[1]}; }
};

}  // namespace

const GemmS8Kernels& gemm_s8_avx2() {
  static constexpr GemmS8Kernels kKernels = {make_format<Arithmetic, F32x16>(),
                                             make_sorted_format<SevenBits, F32x16>()};
  return kKernels;
}

}  // namespace sinter
