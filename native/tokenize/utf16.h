// Code points of JavaScript's texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sinter {

// The code point at `at`, which moves behind it. A surrogate without its other half is U+FFFD, as
// in UTF-8 of JavaScript.
inline uint32_t next_code(std::u16string_view text, size_t& at) {
  const uint32_t unit = text[at++];
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || at == text.size()) return 0xfffd;
  const uint32_t low = text[at];
  if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
  ++at;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

// Calls push(byte) for each byte of a code point in UTF-8.
template <typename Push>
void each_byte(uint32_t code, const Push& push) {
  if (code < 0x80) return push(static_cast<uint8_t>(code));
  if (code < 0x800) {
    push(static_cast<uint8_t>(0xc0 | code >> 6));
  } else {
    if (code < 0x10000) {
      push(static_cast<uint8_t>(0xe0 | code >> 12));
    } else {
      push(static_cast<uint8_t>(0xf0 | code >> 18));
      push(static_cast<uint8_t>(0x80 | (code >> 12 & 0x3f)));
    }
    push(static_cast<uint8_t>(0x80 | (code >> 6 & 0x3f)));
  }
  push(static_cast<uint8_t>(0x80 | (code & 0x3f)));
}

}  // namespace sinter
