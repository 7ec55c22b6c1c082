// int8 GEMM at dotprod: sdot sums four products a lane, exactly. It multiplies signed bytes, so the
// copy of A takes 128 from every code, which the epilogue gives back by the sums of the weights.
#include "base/simd/neon.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = int32x4_t;
  static constexpr int kRegs = 4, kLanes = 4, kStep = 64, kMaxRows = 6, kGroup = 4, kOffset = 128;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return vdupq_n_s32(0); }
  static Reg load(const float* c) { return vreinterpretq_s32_f32(vld1q_f32(c)); }
  static void store(float* c, Reg x) { vst1q_f32(c, vreinterpretq_f32_s32(x)); }
  static Reg load_b(const char* b, int reg) {
    return vreinterpretq_s32_s8(vld1q_s8(reinterpret_cast<const int8_t*>(b) + 16 * reg));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {{x[0], x[1], x[2], x[3]}}; }
  static constexpr int kQuad = 4;
  static Reg load_quad(const float* a) { return vreinterpretq_s32_f32(vld1q_f32(a)); }
  static Reg broadcast(const float* a) { return vreinterpretq_s32_f32(vld1q_dup_f32(a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(b), vreinterpretq_s8_s32(a));
  }
  template <int kLane>
  static Reg mul_add_lane(Reg sum, Reg a, Reg b) {
    return vdotq_laneq_s32(sum, vreinterpretq_s8_s32(b), vreinterpretq_s8_s32(a), kLane);
  }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    const uint8x16_t top = vdupq_n_u8(128);
    for (int64_t w = 0; w < words; w += 4) {
      vst1q_u8(reinterpret_cast<uint8_t*>(to + w), veorq_u8(vld1q_u8(from + 4 * w), top));
    }
  }
};

}  // namespace

const GemmS8Kernels& gemm_s8_dotprod() {
  static constexpr GemmS8Format kFormat = make_format<Arithmetic, F32x16>();
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
