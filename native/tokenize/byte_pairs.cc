// A word is merged as the merges say: of all neighbours the pair that comes first in the list, and
// of equal ones the leftmost, until no neighbours are in the list.
#include "tokenize/byte_pairs.h"

#include <string>

#include "base/errors.h"
#include "tokenize/utf16.h"
#include "tokenize/word_classes.h"

namespace sinter {
namespace {

// Merging looks at all neighbours for each merge, so its time grows with the square of a word's
// length.
constexpr size_t kMostBytes = 256;

// The bytes that letters stand for: a visible character itself, those from U+0100 on the other 68
// (Radford et al. 2019). -1 for what stands for none.
constexpr size_t kLetters = 0x144;

constexpr std::array<int16_t, kLetters> bytes_of_letters() {
  std::array<int16_t, kLetters> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  size_t next = 0x100;
  for (size_t byte = 0; byte < 256; ++byte) {
    const bool is_visible =
        (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes[is_visible ? byte : next++] = static_cast<int16_t>(byte);
  }
  return bytes;
}

constexpr std::array<int16_t, kLetters> kByteOfLetter = bytes_of_letters();

// Adds the bytes that a token stands for. false, and nothing is added, for one that is not spelt in
// letters of bytes, which no text has.
bool spell(std::string_view word, std::string& to) {
  const size_t before = to.size();
  for (size_t at = 0; at < word.size(); ++at) {
    size_t letter = static_cast<uint8_t>(word[at]);
    if (letter >= 0xc0 && letter < 0xe0 && at + 1 < word.size())
      letter = (letter & 0x1f) << 6 | (static_cast<uint8_t>(word[++at]) & 0x3f);
    else if (letter >= 0x80)
      letter = kLetters;
    const int16_t byte = letter < kLetters ? kByteOfLetter[letter] : int16_t{-1};
    if (byte < 0) {
      to.resize(before);
      return false;
    }
    to.push_back(static_cast<char>(byte));
  }
  return true;
}

// The words in bytes, in one text that they borrow from.
std::vector<std::string_view> spelt_words(const std::vector<std::string_view>& words,
                                          std::string& text) {
  std::vector<size_t> ends;
  for (const std::string_view word : words) {
    spell(word, text);
    ends.push_back(text.size());
  }
  std::vector<std::string_view> spelt;
  for (size_t i = 0; i < ends.size(); ++i) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    spelt.push_back(std::string_view(text).substr(begin, ends[i] - begin));
  }
  return spelt;
}

WordTree tree_of(const std::vector<std::string_view>& words) {
  std::string text;
  return WordTree(spelt_words(words, text));
}

[[noreturn]] void missing(const char* what) {
  throw Error(ErrorCode::INVALID_DATA, std::string(what) + " is not in the vocabulary");
}

}  // namespace

BytePairs::BytePairs(const std::vector<std::string_view>& words,
                     const std::vector<std::string_view>& merges, const BytePairRules& rules)
    : rules_(rules), tree_(tree_of(words)) {
  for (size_t byte = 0; byte < bytes_.size(); ++byte) {
    bytes_[byte] = tree_.next(WordTree::kRoot, static_cast<uint8_t>(byte)).id;
    if (bytes_[byte] < 0) missing("a byte");
  }
  int bits = 4;
  while ((size_t{1} << bits) < merges.size()) ++bits;  // twice as many places as pairs
  merges_.resize(size_t{1} << bits);
  shift_ = 64 - bits;
  std::string left, right;
  for (size_t i = 0; i + 1 < merges.size(); i += 2) {
    left.clear();
    right.clear();
    if (!spell(merges[i], left) || !spell(merges[i + 1], right)) missing("a merge");
    const WordTree::Step first = walk(WordTree::kRoot, left);
    const int32_t second = walk(WordTree::kRoot, right).id;
    const int32_t both = walk(first.node, right).id;
    if (first.id < 0 || second < 0 || both < 0) missing("a merge");
    const uint64_t pair = pair_of(first.id, second);
    merges_[place(pair)] = {pair, {static_cast<int32_t>(i / 2), both}};
  }
}

WordTree::Step BytePairs::walk(uint32_t node, std::string_view bytes) const {
  WordTree::Step step{node, -1};
  for (const char byte : bytes) {
    if (step.node == WordTree::kNone) return {};
    step = tree_.next(step.node, static_cast<uint8_t>(byte));
  }
  return step;
}

size_t BytePairs::place(uint64_t pair) const {
  size_t at = static_cast<size_t>(pair * 0x9e3779b97f4a7c15u >> shift_);
  while (merges_[at].pair != pair && merges_[at].pair != UINT64_MAX)
    at = (at + 1) & (merges_.size() - 1);
  return at;
}

bool BytePairs::add(std::u16string_view text, std::vector<int32_t>& to) {
  if (rules_.adds_space && !text.empty() && text.front() != u' ')
    return add_words(u' ' + std::u16string(text), to);
  return add_words(text, to);
}

bool BytePairs::add_words(std::u16string_view text, std::vector<int32_t>& to) {
  const size_t before = to.size();
  for (size_t at = 0; at < text.size();) {
    const size_t end = word_end(text, at);
    word_.clear();
    while (at < end) each_byte(next_code(text, at), [&](uint8_t byte) { word_.push_back(byte); });
    if (word_.size() > kMostBytes) {
      to.resize(before);
      return false;
    }
    add_word(to);
  }
  return true;
}

// GPT-2's pattern: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t BytePairs::word_end(std::u16string_view text, size_t begin) const {
  const auto class_at = [&](size_t& at) { return word_class(next_code(text, at)); };
  if (text[begin] == u'\'') {
    const std::u16string_view rest = text.substr(begin + 1, 2);
    for (const std::u16string_view ending : {u"s", u"t", u"re", u"ve", u"m", u"ll", u"d"})
      if (rest.substr(0, ending.size()) == ending) return begin + 1 + ending.size();
  }
  size_t at = begin;
  WordClass kind = class_at(at);
  if (text[begin] == u' ' && at < text.size()) {
    size_t behind = at;
    const WordClass next = class_at(behind);
    if (next != WordClass::kSpace) {
      kind = next;
      at = behind;
    }
  }
  size_t last = begin;  // where the last character of the run begins
  while (at < text.size()) {
    size_t behind = at;
    if (class_at(behind) != kind) break;
    last = at;
    at = behind;
  }
  // The last of several blanks before a word belongs to it, or is alone.
  return kind == WordClass::kSpace && at < text.size() && last > begin ? last : at;
}

void BytePairs::add_word(std::vector<int32_t>& to) {
  const std::string_view bytes(reinterpret_cast<const char*>(word_.data()), word_.size());
  if (const int32_t id = rules_.ignores_merges ? walk(WordTree::kRoot, bytes).id : -1; id >= 0) {
    to.push_back(id);
    return;
  }
  symbols_.clear();
  for (const uint8_t byte : word_) symbols_.push_back({bytes_[byte], {}});
  for (size_t i = 0; i + 1 < symbols_.size(); ++i)
    symbols_[i].merge = find(symbols_[i].id, symbols_[i + 1].id);
  for (;;) {
    size_t best = symbols_.size();
    int32_t rank = INT32_MAX;
    for (size_t i = 0; i + 1 < symbols_.size(); ++i) {
      const int32_t own = symbols_[i].merge.rank;
      if (own >= 0 && own < rank) {
        rank = own;
        best = i;
      }
    }
    if (best == symbols_.size()) break;
    symbols_[best].id = symbols_[best].merge.id;
    symbols_.erase(symbols_.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    symbols_[best].merge =
        best + 1 < symbols_.size() ? find(symbols_[best].id, symbols_[best + 1].id) : Merge{};
    if (best > 0) symbols_[best - 1].merge = find(symbols_[best - 1].id, symbols_[best].id);
  }
  for (const Symbol& symbol : symbols_) to.push_back(symbol.id);
}

}  // namespace sinter
