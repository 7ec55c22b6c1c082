// int8 GEMM at i8mm: usmmla sums eight products of unsigned codes and signed weights, exactly, for
// two rows and two outputs at once. Packed weights have eight k of an output together.
#include "base/simd/neon.h"
//
#include "kernels/gemm_s8/gemm_s8_impl.h"

namespace sinter {
namespace {

struct Arithmetic {
  using Reg = int32x4_t;
  static constexpr int kRegs = 4, kLanes = 4, kStep = 64, kMaxRows = 6, kGroup = 4, kOffset = 0;
  static constexpr int kPackGroup = 8, kPairDepth = 2;
  static constexpr int panels(int rows) { return rows <= 2 ? 2 : 1; }
  static Reg zero() { return vdupq_n_s32(0); }
  static Reg load(const float* c) { return vreinterpretq_s32_f32(vld1q_f32(c)); }
  static void store(float* c, Reg x) { vst1q_f32(c, vreinterpretq_f32_s32(x)); }
  static SINTER_SIMD I32x16 lanes(const Reg* x) { return {{x[0], x[1], x[2], x[3]}}; }

  // The first or the last two lanes of a and of b.
  static Reg firsts(Reg a, Reg b) {
    return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
  }
  static Reg lasts(Reg a, Reg b) {
    return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
  }

  // Eight codes of each of two rows.
  static uint8x16_t codes(const float* a, const float* below) {
    return vcombine_u8(vld1_u8(reinterpret_cast<const uint8_t*>(a)),
                       vld1_u8(reinterpret_cast<const uint8_t*>(below)));
  }

  // Adds the products of all words of A to the sums. Sums of two rows and two outputs share a
  // register meanwhile: row, row, row below, row below. An odd last row is multiplied twice.
  template <int kRows, int kPanels>
  static SINTER_SIMD void multiply_pairs(Reg (&sum)[kRows][kPanels * kRegs], const TileArgs& args) {
    constexpr int kPairs = (kRows + 1) / 2, kWidth = kPanels * kRegs;
    Reg pairs[kPairs][2 * kWidth];
    SINTER_UNROLL
    for (int p = 0; p < kPairs; ++p) {
      const int below = smaller(2 * p + 1, kRows - 1);
      SINTER_UNROLL
      for (int j = 0; j < kWidth; ++j) {
        pairs[p][2 * j] = firsts(sum[2 * p][j], sum[below][j]);
        pairs[p][2 * j + 1] = lasts(sum[2 * p][j], sum[below][j]);
      }
    }
    const float *a = args.a, *const end = a + args.words;
    const char *b = args.b, *next = args.next;
    const int64_t panel_bytes = args.panel_bytes, next_step = args.next_step;
    for (; a != end; a += kPairDepth, b += kPairDepth * kStep, next += kPairDepth * next_step) {
      for (int p = 0; kRows > 1 && p < kPanels; ++p) {
        __builtin_prefetch(next + p * panel_bytes);
        __builtin_prefetch(next + p * panel_bytes + next_step);
      }
      uint8x16_t rows[kPairs];
      SINTER_UNROLL
      for (int p = 0; p < kPairs; ++p) {
        rows[p] = codes(a + 2 * p * kTileRow, a + smaller(2 * p + 1, kRows - 1) * kTileRow);
      }
      SINTER_UNROLL
      for (int j = 0; j < 2 * kWidth; ++j) {
        const char* const from = b + j / (2 * kRegs) * panel_bytes + j % (2 * kRegs) * 16;
        const int8x16_t outputs = vld1q_s8(reinterpret_cast<const int8_t*>(from));
        SINTER_UNROLL
        for (int p = 0; p < kPairs; ++p) {
          pairs[p][j] = vusmmlaq_s32(pairs[p][j], rows[p], outputs);
        }
        // Loads of outputs stay here: all at once, they would push sums out of the registers.
        __asm__ volatile("" ::: "memory");
      }
    }
    SINTER_UNROLL
    for (int r = 0; r < kRows; ++r) {
      SINTER_UNROLL
      for (int j = 0; j < kWidth; ++j) {
        const Reg left = pairs[r / 2][2 * j], right = pairs[r / 2][2 * j + 1];
        sum[r][j] = r % 2 == 0 ? firsts(left, right) : lasts(left, right);
      }
    }
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
