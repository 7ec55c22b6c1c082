// Measures the peak arithmetic speed of one thread of this machine: loops that hold only the
// arithmetic instruction of a kernel family, with all operands in registers. The kernel bench
// divides by these figures.
#include "addon_test/peaks.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sinter {
namespace {

#if defined(__x86_64__)
// Hides from the optimizer that an operand is constant, so that it cannot move the multiplication
// out of the loop.
#define SINTER_OPAQUE(x) __asm__ volatile("" : "+v"(x))

// Defines void name(int64_t rounds): `count` independent sums, each updated once per round.
#define SINTER_PEAK(name, isa, Reg, count, start, update)                           \
  __attribute__((target(isa), noinline)) void name(int64_t rounds) {                \
    Reg sum[count], a = start, b = start;                                           \
    SINTER_OPAQUE(b);                                                               \
    _Pragma("GCC unroll 32") for (int i = 0; i < count; ++i) sum[i] = a;            \
    for (int64_t round = 0; round < rounds; ++round) {                              \
      _Pragma("GCC unroll 32") for (int i = 0; i < count; ++i) {                    \
        SINTER_OPAQUE(a);                                                           \
        sum[i] = update;                                                            \
      }                                                                             \
    }                                                                               \
    _Pragma("GCC unroll 32") for (int i = 0; i < count; ++i) SINTER_OPAQUE(sum[i]); \
  }

SINTER_PEAK(fma_avx2, "avx2,fma", __m256, 12, _mm256_setzero_ps(), _mm256_fmadd_ps(a, b, sum[i]))
SINTER_PEAK(fma_avx512, "avx512f", __m512, 24, _mm512_setzero_ps(), _mm512_fmadd_ps(a, b, sum[i]))
SINTER_PEAK(madd_avx2, "avx2", __m256i, 12, _mm256_setzero_si256(),
            _mm256_add_epi32(sum[i], _mm256_madd_epi16(a, b)))
SINTER_PEAK(madd_avx512, "avx512f,avx512bw", __m512i, 24, _mm512_setzero_si512(),
            _mm512_add_epi32(sum[i], _mm512_madd_epi16(a, b)))
SINTER_PEAK(dot_avxvnni, "avx2,avxvnni", __m256i, 12, _mm256_setzero_si256(),
            _mm256_dpbusd_avx_epi32(sum[i], a, b))
SINTER_PEAK(dot_vnni, "avx512f,avx512vnni", __m512i, 24, _mm512_setzero_si512(),
            _mm512_dpbusd_epi32(sum[i], a, b))
#endif

// Operations per second (a multiply and an add count as two), the best of several runs of about a
// millisecond.
[[maybe_unused]] double measure(void (*loop)(int64_t), double operations_a_round) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kRounds = 400000;
  double best = 0;
  for (int run = 0; run < 40; ++run) {
    const auto start = Clock::now();
    loop(kRounds);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(kRounds) * operations_a_round / seconds);
  }
  return best;
}

}  // namespace

std::vector<Peak> measure_peaks() {
  std::vector<Peak> peaks;
#if defined(__x86_64__)
  const auto add = [&](const char* kind, Isa isa, void (*loop)(int64_t), double operations) {
    if (host_supports(isa)) peaks.push_back({kind, isa, measure(loop, operations)});
  };
  add("f32", Isa::avx2, fma_avx2, 12 * 16);
  add("f32", Isa::avx512, fma_avx512, 24 * 32);
  add("s8", Isa::avx2, madd_avx2, 12 * 32);
  add("s8", Isa::avxvnni, dot_avxvnni, 12 * 64);
  add("s8", Isa::avx512, madd_avx512, 24 * 64);
  add("s8", Isa::vnni, dot_vnni, 24 * 128);
#endif
  return peaks;
}

}  // namespace sinter
