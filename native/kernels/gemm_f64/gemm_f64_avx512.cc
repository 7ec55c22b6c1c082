// The f64 kernels at avx512: tiles of 8 rows x 16 columns, 16 of the 32 registers hold sums.
#pragma GCC diagnostic push
#ifndef __clang__  // does not know this warning
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "kernels/gemm_f64/gemm_f64_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = __m512d;
  static constexpr int kLanes = 8, kRegs = 2, kRows = 8;
  static Reg zero() { return _mm512_setzero_pd(); }
  static Reg load(const double* p) { return _mm512_loadu_pd(p); }
  static void store(double* p, Reg x) { _mm512_storeu_pd(p, x); }
  static Reg broadcast(const double* p) { return _mm512_set1_pd(*p); }
  static Reg mul(Reg a, Reg b) { return _mm512_mul_pd(a, b); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return _mm512_fmadd_pd(a, b, sum); }
};

}  // namespace

const GemmF64Kernels& gemm_f64_avx512() {
  static constexpr GemmF64Kernels kKernels = make_gemm_f64<Arithmetic>();
  return kKernels;
}

}  // namespace sinter
