// Writes floats as JSON, with the fewest digits that read back as the same float.
#pragma once

#include <cstddef>

namespace sinter {

// The most characters that `write_json_numbers` needs for one number and the comma behind it:
// "-1.23456789e-38,".
inline constexpr std::size_t kJsonNumberChars = 16;

// Writes "[a,b,c]" to `target`, which has room for count * kJsonNumberChars + 2 characters. Returns
// the number of characters. -0 is "-0". INTERNAL for a number that is not finite, which JSON cannot
// say.
std::size_t write_json_numbers(const float* values, std::size_t count, char* target);

}  // namespace sinter
