// The instruction set level that kernels run at. The levels of a processor are ordered: a kernel row
// marked `avx2` may run at avx2 and above. The active level is read once: the best that the host has, or the one that
// SINTER_ISA names.
#pragma once

namespace sinter {

enum class Isa : int {
  scalar = 0,
#if defined(__aarch64__) || defined(_M_ARM64)
  neon = 1,
  dotprod = 2,
  i8mm = 3,
#else
  avx2 = 1,
  avx512 = 2,
  vnni = 3,
#endif
};
inline constexpr int kIsaCount = 4;

// Spelling as in SINTER_ISA: scalar; on x86 avx2 (with FMA and F16C), avx512 (F, BW, DQ, VL), vnni
// (avx512 + VNNI); on ARM64 neon (which every such CPU has), dotprod (sdot), i8mm (dotprod + usdot).
const char* isa_name(Isa isa);

// Whether the CPU and the operating system both support the level: by CPUID and XCR0, by the
// hardware capabilities of Linux, by sysctl on macOS.
bool host_supports(Isa isa);

// The level in use. Throws Error(DEVICE) when SINTER_ISA names no level or one that the host lacks.
Isa active_isa();

}  // namespace sinter
