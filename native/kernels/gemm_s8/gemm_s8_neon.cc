// int8 GEMM at neon: both sides are widened to int16, and smlal multiplies four outputs by one k. A
// word of a packed panel holds two k; within four outputs the first k of all comes before the
// second.
#include "base/simd/neon.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = int32x4_t;
  static constexpr int kRegs = 4, kLanes = 4, kStep = 32, kMaxRows = 6, kGroup = 2, kOffset = 0;
  static constexpr int panels(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static Reg zero() { return vdupq_n_s32(0); }
  static Reg load(const float* c) { return vreinterpretq_s32_f32(vld1q_f32(c)); }
  static void store(float* c, Reg x) { vst1q_f32(c, vreinterpretq_f32_s32(x)); }
  // Two k of four outputs: k k k k, then k + 1 four times.
  static Reg load_b(const char* b, int reg) {
    const int8_t* const from = reinterpret_cast<const int8_t*>(b) + 8 * reg;
    return vreinterpretq_s32_s16(vmovl_s8(vld1_s8(from)));
  }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {{x[0], x[1], x[2], x[3]}}; }
  static Reg broadcast(const float* a) { return vreinterpretq_s32_f32(vld1q_dup_f32(a)); }
  static Reg mul_add(Reg sum, Reg a, Reg b) {
    const int16x4_t two = vget_low_s16(vreinterpretq_s16_s32(a));
    const int16x8_t weights = vreinterpretq_s16_s32(b);
    return vmlal_high_lane_s16(vmlal_lane_s16(sum, vget_low_s16(weights), two, 0), weights, two, 1);
  }
  static void copy_words(const uint8_t* from, int64_t words, float* to) {
    for (int64_t w = 0; w < words; w += 4) {
      vst1q_u16(reinterpret_cast<uint16_t*>(to + w), vmovl_u8(vld1_u8(from + 2 * w)));
    }
  }
};

// packed[panel][k / 2][4 outputs at a time][2][4 outputs].
int64_t place_of(int64_t j, int64_t p, int64_t k) {
  const int64_t l = j % kTilePanel;
  return j / kTilePanel * panel_bytes<>(k) + p / 2 * 2 * kTilePanel + l / 4 * 8 + p % 2 * 4 + l % 4;
}

void pack_halves(int64_t n, int64_t k, const int8_t* w, void* packed) {
  int8_t* const to = static_cast<int8_t*>(packed);
  for (int64_t j = 0; j < round_up(n, kTilePanel); ++j) {
    for (int64_t p = 0; p < round_up(k, 4); ++p) {
      to[place_of(j, p, k)] = j < n && p < k ? w[j * k + p] : int8_t{0};
    }
  }
}

void unpack_halves(int64_t n, int64_t k, const void* packed, int8_t* w) {
  const int8_t* const from = static_cast<const int8_t*>(packed);
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t p = 0; p < k; ++p) w[j * k + p] = from[place_of(j, p, k)];
  }
}

}  // namespace

const GemmS8Kernels& gemm_s8_neon() {
  static constexpr GemmS8Format kFormat = {packed_bytes<>, pack_halves, unpack_halves,
                                           run_gemm<Arithmetic, F32x16>};
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
