// The classes of characters by which GPT-2's pattern divides texts, as the `tokenizers` package has
// them.
#pragma once

#include <cstdint>

namespace sinter {

enum class WordClass : uint8_t { kOther, kLetter, kNumber, kSpace };

// The class of a code point up to U+10FFFF.
WordClass word_class(uint32_t code);

}  // namespace sinter
