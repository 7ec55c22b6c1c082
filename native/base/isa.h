// The instruction set level that kernels run at. The levels of a processor are ordered: a kernel
// row marked `avx2` may run at avx2 and above, unless a higher row comes before it. The active
// level is read once: the best that the host has, or the one that SINTER_ISA names.
#pragma once

namespace sinter {

enum class Isa : int {
  scalar,
#if defined(__aarch64__) || defined(_M_ARM64)
  neon,
  dotprod,
  i8mm,
#else
  avx2,
  avxvnni,
  avx512,
  vnni,
#endif
  count,
};
inline constexpr int kIsaCount = static_cast<int>(Isa::count);

// Spelling as in SINTER_ISA: scalar; on x86 avx2 (with FMA and F16C), avxvnni (avx2 + AVX-VNNI),
// avx512 (F, BW, DQ, VL), vnni (avx512 + VNNI); on ARM64 neon (which every such CPU has), dotprod
// (sdot), i8mm (dotprod + usmmla).
const char* isa_name(Isa isa);

// Whether the CPU and the operating system both support the level: by CPUID and XCR0, by the
// hardware capabilities of Linux, by sysctl on macOS. A host may lack a level below its best: many
// CPUs with AVX-512 have no AVX-VNNI.
bool host_supports(Isa isa);

// The level in use. Throws Error(DEVICE) when SINTER_ISA names no level or one that the host lacks.
Isa active_isa();

}  // namespace sinter
