// int8 GEMM at avxvnni: vpdpbusd (VEX, 256 bits) sums four products a lane, exactly, for codes of
// either width; tiles of 6 rows x 16 columns, because there are 16 registers.
#include "base/simd/avx2.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m256i;
  static constexpr int kRegs = 2, kLanes = 8, kStep = 64, kMaxRows = 6, kGroup = 4, kOffset = 0;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return _mm256_setzero_si256(); }
  static Reg load(const float* c) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(c));
  }
  static void store(float* c, Reg x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(c), x); }
  static Reg load_b(const char* b, int reg) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b) + reg);
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0], x[1]}; }
  static Reg broadcast(const float* a) { return _mm256_castps_si256(_mm256_broadcast_ss(a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 8) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + w),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 4 * w)));
    }
  }
};

}  // namespace

const GemmS8Kernels& gemm_s8_avxvnni() {
  static constexpr GemmS8Format kFormat = make_format<Arithmetic, F32x16>();
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
