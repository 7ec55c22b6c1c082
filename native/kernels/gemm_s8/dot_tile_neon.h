// The tile of the int8 GEMM with the dot products of ARM64: what sdot and usdot share. Include it
// after base/simd/neon.h.
#pragma once

#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct DotTile {
  using Reg = int32x4_t;
  static constexpr int kRegs = 4, kLanes = 4, kStep = 64, kMaxRows = 6, kGroup = 4;
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
};

}  // namespace
}  // namespace sinter
