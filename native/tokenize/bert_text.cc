// The order is that of BertNormalizer: clean, space ideographs, strip, lowercase; then
// BertPreTokenizer divides what has become of it.
#include "tokenize/bert_text.h"

#include <algorithm>
#include <iterator>

#include "tokenize/code_range.h"

namespace sinter {
namespace {

struct CodePair {
  uint32_t from, to;
};
struct CodeList {  // 0 ends it
  uint32_t from, to[3];
};

#include "tokenize/characters.inc"

template <typename Entry, size_t N>
const Entry* find(const Entry (&entries)[N], uint32_t code) {
  const auto at = std::lower_bound(std::begin(entries), std::end(entries), code,
                                   [](const Entry& e, uint32_t c) { return e.from < c; });
  return at != std::end(entries) && at->from == code ? at : nullptr;
}

using Codes = std::vector<uint32_t>;

template <size_t N, size_t M>
void append(Codes& to, uint32_t code, const CodePair (&pairs)[N], const CodeList (&lists)[M]) {
  if (const CodePair* pair = find(pairs, code)) {
    to.push_back(pair->to);
  } else if (const CodeList* list = find(lists, code)) {
    for (const uint32_t one : list->to)
      if (one != 0) to.push_back(one);
  } else {
    to.push_back(code);
  }
}

// The letters of a Hangul syllable; The Unicode Standard, 3.12.
void append_hangul(Codes& to, uint32_t code) {
  const uint32_t index = code - 0xac00;
  to.push_back(0x1100 + index / 588);
  to.push_back(0x1161 + index % 588 / 28);
  if (index % 28 != 0) to.push_back(0x11a7 + index % 28);
}

void append_stripped(Codes& to, uint32_t code) {
  if (is_in(kNonspacing, code)) return;
  if (code >= 0xac00 && code <= 0xd7a3) {
    append_hangul(to, code);
  } else {
    append(to, code, kStripped, kStrippedToSeveral);
  }
}

CharKind kind_of(uint32_t code) {
  if (is_in(kSpace, code)) return CharKind::kSpace;
  return is_in(kMark, code) ? CharKind::kMark : CharKind::kLetter;
}

void append_items(std::vector<BertText::Item>& to, uint32_t code, const BertTextRules& rules) {
  if (rules.cleans && is_in(kRemoved, code)) return;
  if (rules.strips && is_in(kMoved, code)) {
    to.push_back(BertText::item(code, CharKind::kMoved));
    return;
  }
  const bool is_spaced = rules.spaces && is_in(kIdeograph, code);
  Codes codes{rules.cleans && is_in(kBlank, code) ? uint32_t{' '} : code};
  if (rules.strips) {
    Codes stripped;
    for (const uint32_t one : codes) append_stripped(stripped, one);
    codes.swap(stripped);
  }
  if (rules.lowercases) {
    Codes lowered;
    for (const uint32_t one : codes) append(lowered, one, kLowered, kLoweredToSeveral);
    codes.swap(lowered);
  }
  if (is_spaced) to.push_back(BertText::item(' ', CharKind::kSpace));
  for (const uint32_t one : codes) to.push_back(BertText::item(one, kind_of(one)));
  if (is_spaced) to.push_back(BertText::item(' ', CharKind::kSpace));
}

}  // namespace

std::unique_ptr<BertText::Page> BertText::make_page(uint32_t number) const {
  auto page = std::make_unique<Page>();
  for (uint32_t at = 0; at < kPageSize; ++at) {
    page->begins[at] = static_cast<uint16_t>(page->items.size());
    append_items(page->items, number << kPageBits | at, rules_);
  }
  page->begins[kPageSize] = static_cast<uint16_t>(page->items.size());
  return page;
}

}  // namespace sinter
