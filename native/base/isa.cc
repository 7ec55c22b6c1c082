// What the host supports, and the SINTER_ISA override.
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
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SINTER_ARM64 1
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#endif

namespace sinter {
namespace {

// A bit for each level.
using Levels = uint32_t;

constexpr Levels only(Isa isa) { return Levels{1} << static_cast<int>(isa); }

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

Levels detect() {
  Levels found = only(Isa::scalar);
  const Registers one = cpuid(1, 0);
  const bool osxsave = bit(one.c, 27), avx = bit(one.c, 28), fma = bit(one.c, 12),
             f16c = bit(one.c, 29);
  if (!osxsave || !avx || !fma || !f16c) return found;
  const uint64_t saved = xcr0();
  constexpr uint64_t kYmm = 0x6, kZmm = 0xE6;
  const Registers seven = cpuid(7, 0);
  if ((saved & kYmm) != kYmm || !bit(seven.b, 5)) return found;
  found |= only(Isa::avx2);
  if (seven.a >= 1 && bit(cpuid(7, 1).a, 4)) found |= only(Isa::avxvnni);
  const bool avx512 = bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);
  if ((saved & kZmm) != kZmm || !avx512) return found;
  found |= only(Isa::avx512);
  if (bit(seven.c, 11)) found |= only(Isa::vnni);
  return found;
}
#elif defined(SINTER_ARM64)
#if defined(__linux__)
// Bits of the hardware capabilities that older headers do not name.
constexpr unsigned long kDotProduct = 1ul << 20, kI8mm = 1ul << 13;  // AT_HWCAP, AT_HWCAP2

bool has_dot_product() { return (getauxval(AT_HWCAP) & kDotProduct) != 0; }
bool has_i8mm() { return (getauxval(AT_HWCAP2) & kI8mm) != 0; }
#elif defined(__APPLE__)
bool has_feature(const char* name) {
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}

bool has_dot_product() { return has_feature("hw.optional.arm.FEAT_DotProd"); }
bool has_i8mm() { return has_feature("hw.optional.arm.FEAT_I8MM"); }
#else
bool has_dot_product() { return false; }
bool has_i8mm() { return false; }
#endif

Levels detect() {
  Levels found = only(Isa::scalar) | only(Isa::neon);
  if (!has_dot_product()) return found;
  found |= only(Isa::dotprod);
  return has_i8mm() ? found | only(Isa::i8mm) : found;
}
#else
Levels detect() { return only(Isa::scalar); }
#endif

#if defined(SINTER_ARM64)
constexpr const char* kNames[] = {"scalar", "neon", "dotprod", "i8mm"};
#else
constexpr const char* kNames[] = {"scalar", "avx2", "avxvnni", "avx512", "vnni"};
#endif
static_assert(sizeof(kNames) / sizeof(kNames[0]) == kIsaCount);

Levels host_levels() {
  static const Levels levels = detect();
  return levels;
}

Isa host_isa() {
  int best = 0;
  for (int i = 0; i < kIsaCount; ++i) {
    if (host_supports(static_cast<Isa>(i))) best = i;
  }
  return static_cast<Isa>(best);
}

// "scalar, avx2, vnni": the names of these levels.
std::string listed(Levels levels) {
  std::string names;
  for (int i = 0; i < kIsaCount; ++i) {
    if ((levels & only(static_cast<Isa>(i))) == 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(kNames[i]);
  }
  return names;
}

Isa choose() {
  const char* forced = std::getenv("SINTER_ISA");
  if (forced == nullptr || *forced == '\0') return host_isa();
  for (int i = 0; i < kIsaCount; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (std::string(forced) != isa_name(isa)) continue;
    if (host_supports(isa)) return isa;
    throw Error(ErrorCode::DEVICE,
                std::string("SINTER_ISA=") + forced + ": this CPU has " + listed(host_levels()));
  }
  throw Error(ErrorCode::DEVICE,
              "SINTER_ISA must be one of " + listed(~Levels{0}) + ", got \"" + forced + "\"");
}

}  // namespace

const char* isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }

bool host_supports(Isa isa) { return (host_levels() & only(isa)) != 0; }

Isa active_isa() {
  static const Isa isa = choose();
  return isa;
}

}  // namespace sinter
