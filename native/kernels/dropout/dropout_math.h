// The random bits of dropout: a hash of (key, index) in 32-bit operations, the same on every ISA.
// Include after one header of base/simd.
//
// The key and the high half of the index are mixed into two words k0, k1 (splitmix64's finalizer,
// once per 2^32 elements). A lane hashes the low half of its index: x ^ k0, xor-shift-multiply, +
// k1, xor-shift-multiply, xor-shift. The multipliers and shifts are a published low-bias set
// (Wellons' hash prospector). Flipping any bit of the index flips the top bit of the hash with
// probability 0.5 within 2 %, and decisions of near indices and keys do not correlate
// (test/kernels/dropout.test.ts). The headers of kernels call DropoutStream::hash dropout_hash.
#pragma once

#include <stdint.h>

namespace sinter {
namespace {

struct DropoutWords {
  uint32_t k0, k1;
};

inline DropoutWords dropout_words(uint64_t key, uint32_t high) {
  uint64_t z = key + (static_cast<uint64_t>(high) + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return {static_cast<uint32_t>(z), static_cast<uint32_t>(z >> 32)};
}

SINTER_SIMD I32x16 dropout_mix(I32x16 x, I32x16 k0, I32x16 k1) {
  x = x ^ k0;
  x = x ^ shift_right<16>(x);
  x = x * I32x16::set(0x21F0AAAD);
  x = x + k1;
  x = x ^ shift_right<15>(x);
  x = x * I32x16::set(static_cast<int32_t>(0xD35A2D97u));
  return x ^ shift_right<15>(x);
}

// Hashes and keep decisions of 16 consecutive indices per call.
class DropoutStream {
 public:
  DropoutStream(uint64_t key, uint32_t threshold) : key_(key), threshold_(threshold) { seed(0); }

  // keep[i] = dropout_hash(key, index + i) >= threshold, i in 0..15.
  SINTER_SIMD Mask16 keep(uint64_t index) {
    return ge_unsigned(hash(index), I32x16::set(static_cast<int32_t>(threshold_)));
  }

  SINTER_SIMD I32x16 hash(uint64_t index) {
    const uint32_t low = static_cast<uint32_t>(index);
    if (static_cast<uint32_t>(index >> 32) != high_) seed(static_cast<uint32_t>(index >> 32));
    const I32x16 first = I32x16::set(static_cast<int32_t>(low));
    const I32x16 x = first + I32x16::iota();
    const I32x16 here = dropout_mix(x, word(words_.k0), word(words_.k1));
    if (low <= 0xFFFFFFF0u) return here;
    // The low half of the last lanes has wrapped: they belong to the next high half.
    const DropoutWords next = dropout_words(key_, high_ + 1);
    return select(lt_unsigned(x, first), dropout_mix(x, word(next.k0), word(next.k1)), here);
  }

 private:
  static SINTER_SIMD I32x16 word(uint32_t w) { return I32x16::set(static_cast<int32_t>(w)); }

  void seed(uint32_t high) {
    high_ = high;
    words_ = dropout_words(key_, high);
  }

  uint64_t key_;
  uint32_t threshold_;
  uint32_t high_ = 0;
  DropoutWords words_;
};

}  // namespace
}  // namespace sinter
