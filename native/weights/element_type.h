// Types of the numbers that the parts of a weight consist of, as files and JavaScript name them. A
// type that holds floats says how they are widened and where one is not finite; codes say neither.
#pragma once

#include <cstdint>
#include <string>

namespace sinter {

struct ElementType {
  const char* name;
  int64_t bytes;
  // To f32, exactly; nullptr: codes. `from` may be unaligned bytes, little endian.
  void (*widen)(int64_t count, const uint8_t* from, float* to);
  // The first of `count` that is an infinity or NaN, or count; nullptr: codes.
  int64_t (*first_infinite)(int64_t count, const uint8_t* from);
};

extern const ElementType kF32, kF16, kBf16, kS8, kU8;

// nullptr: there is no such type.
const ElementType* find_element_type(const std::string& name);

}  // namespace sinter
