// std::to_chars gives the shortest decimal that reads back as the same float when it is rounded
// once. Readers of JSON round twice, to double and then to float. Of all floats this changes one.
#include "base/json_numbers.h"

#include <charconv>
#include <cmath>
#include <string>

#include "base/errors.h"

namespace sinter {
namespace {

// 0x1.5c87fap-84: its shortest decimal, 7.038531e-26, becomes the double in the middle between this
// float and the next one. Found by trying all of them; nine digits are enough for it.
constexpr float kTwiceRounded = 0x1.5c87fap-84f;
constexpr int kDigitsBehindPoint = 8;

char* write_number(float value, char* at) {
  char* end = at + kJsonNumberChars;
  if (std::fabs(value) == kTwiceRounded) {
    const auto format = std::chars_format::scientific;
    return std::to_chars(at, end, value, format, kDigitsBehindPoint).ptr;
  }
  return std::to_chars(at, end, value).ptr;
}

}  // namespace

std::size_t write_json_numbers(const float* values, std::size_t count, char* target) {
  char* at = target;
  *at++ = '[';
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]))
      throw Error(ErrorCode::INTERNAL, "number " + std::to_string(i) + " is not finite");
    at = write_number(values[i], at);
    *at++ = ',';
  }
  if (count > 0) --at;
  *at++ = ']';
  return static_cast<std::size_t>(at - target);
}

}  // namespace sinter
