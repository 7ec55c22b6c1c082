// Classes of the first code points are listed, because most texts have few others.
#include "tokenize/word_classes.h"

#include <array>

#include "tokenize/code_range.h"

namespace sinter {
namespace {

#include "tokenize/word_classes.inc"

WordClass find_class(uint32_t code) {
  if (is_in(kLetter, code)) return WordClass::kLetter;
  if (is_in(kNumber, code)) return WordClass::kNumber;
  return is_in(kWhite, code) ? WordClass::kSpace : WordClass::kOther;
}

// Most texts have few other characters.
constexpr uint32_t kListed = 0x3000;

std::array<WordClass, kListed> list_classes() {
  std::array<WordClass, kListed> classes;
  for (uint32_t code = 0; code < kListed; ++code) classes[code] = find_class(code);
  return classes;
}

}  // namespace

WordClass word_class(uint32_t code) {
  static const std::array<WordClass, kListed> listed = list_classes();
  return code < kListed ? listed[code] : find_class(code);
}

}  // namespace sinter
