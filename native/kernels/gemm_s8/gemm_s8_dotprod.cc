// int8 GEMM at dotprod: sdot sums four products a lane, exactly. It multiplies signed bytes, so the
// copy of A takes 128 from every code, which the epilogue gives back by the sums of the weights.
#include "base/simd/neon.h"
//
#include "kernels/gemm_s8/dot_tile_neon.h"

namespace sinter {
namespace {

struct Arithmetic : DotTile {
  static constexpr int kOffset = 128;
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
