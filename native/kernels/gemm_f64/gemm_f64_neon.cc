// The f64 kernels at neon: tiles of 4 rows x 8 columns, 16 of the 32 registers hold sums.
#include <arm_neon.h>

#include "kernels/gemm_f64/gemm_f64_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = float64x2_t;
  static constexpr int kLanes = 2, kRegs = 4, kRows = 4;
  static Reg zero() { return vdupq_n_f64(0.0); }
  static Reg load(const double* p) { return vld1q_f64(p); }
  static void store(double* p, Reg x) { vst1q_f64(p, x); }
  static Reg broadcast(const double* p) { return vld1q_dup_f64(p); }
  static Reg mul(Reg a, Reg b) { return vmulq_f64(a, b); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return vfmaq_f64(sum, a, b); }
};

}  // namespace

const GemmF64Kernels& gemm_f64_neon() {
  static constexpr GemmF64Kernels kKernels = make_gemm_f64<Arithmetic>();
  return kKernels;
}

}  // namespace sinter
