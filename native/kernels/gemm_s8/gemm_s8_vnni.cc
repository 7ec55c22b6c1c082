// int8 GEMM at vnni: vpdpbusd sums four products a lane, exactly, for codes of either width;
// tiles of 14 rows x 32 columns.
#include "base/simd/avx512.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m512i;
  static constexpr int kRegs = 1, kLanes = 16, kStep = 64, kMaxRows = 14, kGroup = 4, kOffset = 0;
  static constexpr int panels(int rows) { return rows <= 6 ? 4 : 2; }
  static Reg zero() { return _mm512_setzero_si512(); }
  static Reg load(const float* c) { return _mm512_loadu_si512(c); }
  static void store(float* c, Reg x) { _mm512_storeu_si512(c, x); }
  static Reg load_b(const char* b, int) { return _mm512_loadu_si512(b); }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {x[0]}; }
  static Reg broadcast(const float* a) { return _mm512_castps_si512(_mm512_set1_ps(*a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm512_dpbusd_epi32(sum, a, b); }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 16) {
      _mm512_storeu_si512(to + w, _mm512_loadu_si512(from + 4 * w));
    }
  }
};

}  // namespace

const GemmS8Kernels& gemm_s8_vnni() {
  static constexpr GemmS8Format kFormat = make_format<Arithmetic, F32x16>();
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
