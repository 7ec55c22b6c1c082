// The f64 kernels at avx2: tiles of 4 rows x 8 columns, 8 of the 16 registers hold sums.
#include <immintrin.h>

#include "kernels/gemm_f64/gemm_f64_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m256d;
  static constexpr int kLanes = 4, kRegs = 2, kRows = 4;
  static Reg zero() { return _mm256_setzero_pd(); }
  static Reg load(const double* p) { return _mm256_loadu_pd(p); }
  static void store(double* p, Reg x) { _mm256_storeu_pd(p, x); }
  static Reg broadcast(const double* p) { return _mm256_broadcast_sd(p); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_pd(a, b); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm256_fmadd_pd(a, b, sum); }
};

}  // namespace

const GemmF64Kernels& gemm_f64_avx2() {
  static constexpr GemmF64Kernels kKernels = make_gemm_f64<Arithmetic>();
  return kKernels;
}

}  // namespace sinter
