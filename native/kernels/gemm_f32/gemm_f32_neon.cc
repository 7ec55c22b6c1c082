// f32 GEMM at neon: tiles of 6 rows x 16 columns, 24 of the 32 registers hold sums.
#include "base/simd/neon.h"
//
#include "kernels/gemm_f32/gemm_f32_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = float32x4_t;
  static constexpr int kRegs = 4, kLanes = 4, kStep = 64, kMaxRows = 6;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return vdupq_n_f32(0.0f); }
  static Reg load(const float* c) { return vld1q_f32(c); }
  static void store(float* c, Reg x) { vst1q_f32(c, x); }
  static Reg load_b(const char* b, int reg) {
    return vld1q_f32(reinterpret_cast<const float*>(b) + 4 * reg);
  }
  static SINTER_SIMD F32x16 lanes(const Reg* x) { return {{x[0], x[1], x[2], x[3]}}; }
  static Reg broadcast(const float* a) { return vld1q_dup_f32(a); }
  static Reg mul_add(Reg sum, Reg a, Reg b) { return vfmaq_f32(sum, a, b); }
};

}  // namespace

const GemmF32Kernels& gemm_f32_neon() {
  static constexpr GemmF32Kernels kKernels = {pack_panels, unpack_panels,
                                              run_gemm<Arithmetic, F32x16>};
  return kKernels;
}

}  // namespace sinter
