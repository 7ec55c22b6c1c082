// Types of the elements in the parts of a weight, named as in files and in JavaScript. A float type
// has functions that widen it and that find a value that is not finite; a type of codes (integers)
// has neither.
#pragma once

#include <cstdint>
#include <string>

namespace sinter {

struct ElementType {
  const char* name;
  int64_t bytes;
  // Converts to f32, exactly; nullptr for codes. `from` may be unaligned bytes, little endian.
  void (*widen)(int64_t count, const uint8_t* from, float* to);
  // Index of the first infinity or NaN among `count` elements, or count; nullptr for codes.
  int64_t (*first_infinite)(int64_t count, const uint8_t* from);
};

extern const ElementType kF32, kF16, kBf16, kS8, kU8;

// The type called `name`, or nullptr.
const ElementType* find_element_type(const std::string& name);

}  // namespace sinter
