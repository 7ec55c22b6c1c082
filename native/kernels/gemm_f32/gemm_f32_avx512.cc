// f32 GEMM at avx512: tiles of 14 rows x 32 columns, 28 of the 32 registers hold sums.
#include "base/simd/avx512.h"
//
#include "kernels/gemm_f32/gemm_f32_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m512;
  static constexpr int kRegs = 1, kLanes = 16, kStep = 64, kMaxRows = 14;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : 2; }
  static Reg zero() { return _mm512_setzero_ps(); }
  static Reg load(const float* c) { return _mm512_loadu_ps(c); }
  static void store(float* c, Reg x) { _mm512_storeu_ps(c, x); }
  static Reg load_b(const char* b, int) { return _mm512_loadu_ps(b); }
  static SINTER_SIMD F32x16 lanes(const Reg* x) { return {x[0]}; }
  static Reg broadcast(const float* a) { return _mm512_set1_ps(*a); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm512_fmadd_ps(a, b, sum); }
};

}  // namespace

const GemmF32Kernels& gemm_f32_avx512() {
  static constexpr GemmF32Kernels kKernels = {pack_panels, unpack_panels,
                                              run_gemm<Arithmetic, F32x16>};
  return kKernels;
}

}  // namespace sinter
