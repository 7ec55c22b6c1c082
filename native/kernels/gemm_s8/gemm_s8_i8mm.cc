// int8 GEMM at i8mm: usdot sums four products of unsigned codes and signed weights a lane, exactly.
#include "base/simd/neon.h"
//
#include "kernels/gemm_s8/dot_tile_neon.h"

namespace sinter {
namespace {

struct Arithmetic : DotTile {
  static constexpr int kOffset = 0;
  static Reg mul_add(Reg sum, Reg a, Reg b) {
    return vusdotq_s32(sum, vreinterpretq_u8_s32(a), vreinterpretq_s8_s32(b));
  }
  // sudot is usdot with a lane of the unsigned codes.
  template <int kLane>
  static Reg mul_add_lane(Reg sum, Reg a, Reg b) {
    return vsudotq_laneq_s32(sum, vreinterpretq_s8_s32(b), vreinterpretq_u8_s32(a), kLane);
  }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 4) {
      vst1q_u8(reinterpret_cast<uint8_t*>(to + w), vld1q_u8(from + 4 * w));
    }
  }
};

}  // namespace

const GemmS8Kernels& gemm_s8_i8mm() {
  static constexpr GemmS8Format kFormat = make_format<Arithmetic, F32x16>();
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
