// s4: codes of 4 bits, two per byte (the first in the low half), with a scale and a zero point for
// each block of 32 columns: w = (code - zero) * scale. The range of a block always includes 0,
// which has an exact code. Lookups and products widen rows block by block.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "weights/storage.h"

namespace sinter {
namespace {

constexpr int64_t kBlock = 32;
constexpr float kTop = 15.0f;
// At or below this range a block counts as zeros, because top / range would not be a finite float.
constexpr float kMinRange = 1e-36f;

int64_t blocks_of(int64_t width) { return (width + kBlock - 1) / kBlock; }

struct Block {
  float scale;
  uint8_t zero;
};

Block block_of(const float* from, int64_t count) {
  float low = 0, high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, from[i]);
    high = std::max(high, from[i]);
  }
  const float scale = high / kTop - low / kTop;
  if (!(scale * kTop > kMinRange)) return {0.0f, 0};
  return {scale, static_cast<uint8_t>(std::clamp(std::nearbyint(-low / scale), 0.0f, kTop))};
}

uint8_t code_of(float value, const Block& block) {
  if (block.scale == 0.0f) return block.zero;
  const float level = std::nearbyint(value / block.scale) + static_cast<float>(block.zero);
  return static_cast<uint8_t>(std::clamp(level, 0.0f, kTop));
}

void narrow_row(int64_t width, const float* from, uint8_t* codes, uint8_t* scales, uint8_t* zeros) {
  std::memset(codes, 0, static_cast<size_t>(width / 2));
  for (int64_t b = 0; b < blocks_of(width); ++b) {
    const int64_t begin = b * kBlock, end = std::min(width, begin + kBlock);
    const Block block = block_of(from + begin, end - begin);
    std::memcpy(scales + 4 * b, &block.scale, sizeof(float));
    zeros[b] = block.zero;
    for (int64_t i = begin; i < end; ++i)
      codes[i / 2] |= static_cast<uint8_t>(code_of(from[i], block) << (4 * (i & 1)));
  }
}

void widen_row(int64_t width, const uint8_t* codes, const uint8_t* scales, const uint8_t* zeros,
               float* to) {
  for (int64_t b = 0; b < blocks_of(width); ++b) {
    float scale;
    std::memcpy(&scale, scales + 4 * b, sizeof(float));
    const int64_t end = std::min(width, (b + 1) * kBlock);
    for (int64_t i = b * kBlock; i < end; i += 2) {
      to[i] = static_cast<float>((codes[i / 2] & 15) - zeros[b]) * scale;
      to[i + 1] = static_cast<float>((codes[i / 2] >> 4) - zeros[b]) * scale;
    }
  }
}

class S4Storage final : public Storage {
 public:
  const char* name() const override { return "s4"; }
  std::span<const StoragePart> parts() const override {
    static constexpr StoragePart kParts[] = {{"", &kU8, [](int64_t width) { return width / 2; }},
                                             {"scale", &kF32, blocks_of},
                                             {"zero", &kU8, blocks_of}};
    return kParts;
  }
  const char* refuses(int64_t width, bool) const override {
    return width % 2 == 0 ? nullptr : "it needs an even width";
  }

  void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const override {
    const int64_t blocks = blocks_of(width);
    for (int64_t row = 0; row < rows; ++row)
      widen_row(width, from[0] + row * (width / 2), from[1] + row * 4 * blocks,
                from[2] + row * blocks, to + row * width);
  }
  void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const override {
    const int64_t blocks = blocks_of(width);
    for (int64_t row = 0; row < rows; ++row)
      narrow_row(width, from + row * width, to[0] + row * (width / 2), to[1] + row * 4 * blocks,
                 to[2] + row * blocks);
  }
};

}  // namespace

const Storage& storage_s4() {
  static const S4Storage storage;
  return storage;
}

}  // namespace sinter
