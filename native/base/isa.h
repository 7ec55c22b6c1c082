// The instruction set level that kernels run at. Levels are ordered: a kernel row marked `avx2` may
// run at avx2 and above. The active level is read once: the best that the host has, or the one that
// SINTER_ISA names.
#pragma once

namespace sinter {

enum class Isa : int { scalar = 0, avx2 = 1, avx512 = 2, vnni = 3 };
inline constexpr int kIsaCount = 4;

// Spelling as in SINTER_ISA: scalar, avx2 (with FMA and F16C), avx512 (F, BW, DQ, VL), vnni (avx512
// + VNNI).
const char* isa_name(Isa isa);

// Whether the CPU (CPUID) and the operating system (XCR0) both support the level.
bool host_supports(Isa isa);

// The level in use. Throws Error(DEVICE) when SINTER_ISA names no level or one that the host lacks.
Isa active_isa();

}  // namespace sinter
