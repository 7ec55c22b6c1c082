// CPUID detection and the SINTER_ISA override.
#include "base/isa.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/errors.h"

#if defined(__x86_64__) || defined(_M_X64)
#define SINTER_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace sinter {
namespace {

#ifdef SINTER_X86
struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), static_cast<int>(subleaf));
  r = {static_cast<uint32_t>(out[0]), static_cast<uint32_t>(out[1]), static_cast<uint32_t>(out[2]),
       static_cast<uint32_t>(out[3])};
#else
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);
#endif
  return r;
}

// Extended control register 0: which register files the operating system saves.
uint64_t xcr0() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
#endif
}

constexpr bool bit(uint32_t word, int index) { return ((word >> index) & 1u) != 0; }

Isa detect() {
  const Registers one = cpuid(1, 0);
  const bool osxsave = bit(one.c, 27), avx = bit(one.c, 28), fma = bit(one.c, 12),
             f16c = bit(one.c, 29);
  if (!osxsave || !avx || !fma || !f16c) return Isa::scalar;
  const uint64_t saved = xcr0();
  constexpr uint64_t kYmm = 0x6, kZmm = 0xE6;
  const Registers seven = cpuid(7, 0);
  if ((saved & kYmm) != kYmm || !bit(seven.b, 5)) return Isa::scalar;
  const bool avx512 = bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);
  if ((saved & kZmm) != kZmm || !avx512) return Isa::avx2;
  return bit(seven.c, 11) ? Isa::vnni : Isa::avx512;
}
#else
Isa detect() { return Isa::scalar; }
#endif

Isa host_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa choose() {
  const char* forced = std::getenv("SINTER_ISA");
  if (forced == nullptr || *forced == '\0') return host_isa();
  for (int i = 0; i < kIsaCount; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (std::string(forced) != isa_name(isa)) continue;
    if (host_supports(isa)) return isa;
    throw Error(ErrorCode::DEVICE, std::string("SINTER_ISA=") + forced + ": this CPU has " +
                                       isa_name(host_isa()) + " at most");
  }
  throw Error(
      ErrorCode::DEVICE,
      std::string("SINTER_ISA must be scalar, avx2, avx512 or vnni, got \"") + forced + "\"");
}

}  // namespace

const char* isa_name(Isa isa) {
  static constexpr const char* kNames[kIsaCount] = {"scalar", "avx2", "avx512", "vnni"};
  return kNames[static_cast<int>(isa)];
}

bool host_supports(Isa isa) { return static_cast<int>(isa) <= static_cast<int>(host_isa()); }

Isa active_isa() {
  static const Isa isa = choose();
  return isa;
}

}  // namespace sinter
