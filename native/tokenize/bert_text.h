// What BERT's normalizer and pre-tokenizer make of each code point of a text. No code point's
// result depends on its neighbours, so a table of results is all it takes; parts of the table are
// made when a text first needs them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace sinter {

// The switches of BertNormalizer; all off is no normalizer.
struct BertTextRules {
  bool cleans = true;  // drops control characters
  bool spaces = true;  // makes each ideograph a word
  bool strips = true;  // canonical decomposition without nonspacing marks
  bool lowercases = true;
};

// A character of the result, or what stands in its place.
enum class CharKind : uint32_t { kLetter, kMark, kSpace, kMoved };

class BertText {
 public:
  // A code point in the low 21 bits, its kind above. kMark: a word of its own; kSpace: ends a word;
  // kMoved: its result depends on its neighbours, which this table can't tell.
  using Item = uint32_t;
  static constexpr Item item(uint32_t code, CharKind kind) {
    return code | static_cast<uint32_t>(kind) << 21;
  }
  static constexpr uint32_t code(Item item) { return item & 0x1fffff; }
  static constexpr CharKind kind(Item item) { return static_cast<CharKind>(item >> 21); }

  struct Items {
    const Item* data;
    int64_t size;
  };

  explicit BertText(const BertTextRules& rules) : rules_(rules), pages_(kPages) {}

  // The items of a code point up to U+10FFFF.
  Items of(uint32_t code) {
    std::unique_ptr<Page>& page = pages_[code >> kPageBits];
    if (page == nullptr) page = make_page(code >> kPageBits);
    const uint32_t at = code & (kPageSize - 1);
    return {page->items.data() + page->begins[at], page->begins[at + 1] - page->begins[at]};
  }

 private:
  static constexpr uint32_t kPageBits = 8, kPageSize = 1 << kPageBits;
  static constexpr size_t kPages = (0x10ffff >> kPageBits) + 1;

  struct Page {
    std::array<uint16_t, kPageSize + 1> begins;
    std::vector<Item> items;
  };

  std::unique_ptr<Page> make_page(uint32_t number) const;

  BertTextRules rules_;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace sinter
