// f32 GEMM at avx2: tiles of 6 rows x 16 columns, 12 of the 16 registers hold sums.
#include "base/simd/avx2.h"
//
#include "kernels/gemm_f32/gemm_f32_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m256;
  static constexpr int kRegs = 2, kLanes = 8, kStep = 64, kMaxRows = 6;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return _mm256_setzero_ps(); }
  static Reg load(const float* c) { return _mm256_loadu_ps(c); }
  static void store(float* c, Reg x) { _mm256_storeu_ps(c, x); }
  static Reg load_b(const char* b, int reg) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(b) + 8 * reg);
  }
  static SINTER_SIMD F32x16 lanes(const Reg* x) { return {x[0], x[1]}; }
  static Reg broadcast(const float* a) { return _mm256_broadcast_ss(a); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm256_fmadd_ps(a, b, sum); }
};

}  // namespace

const GemmF32Kernels& gemm_f32_avx2() {
  static constexpr GemmF32Kernels kKernels = {pack_panels, unpack_panels,
                                              run_gemm<Arithmetic, F32x16>};
  return kKernels;
}

}  // namespace sinter
