// The f64 kernels in plain C, which the other levels are tested against.
#include "kernels/gemm_f64/gemm_f64_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = double;
  static constexpr int kLanes = 1, kRegs = 16, kRows = 1;
  static Reg zero() { return 0.0; }
  static Reg load(const double* p) { return *p; }
  static void store(double* p, Reg x) { *p = x; }
  static Reg broadcast(const double* p) { return *p; }
  static Reg mul(Reg a, Reg b) { return a * b; }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return __builtin_fma(a, b, sum); }
};

}  // namespace

const GemmF64Kernels& gemm_f64_scalar() {
  static constexpr GemmF64Kernels kKernels = make_gemm_f64<Arithmetic>();
  return kKernels;
}

}  // namespace sinter
