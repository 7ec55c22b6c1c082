// A word is cut greedily: the longest word of the vocabulary that it begins with, then the longest
// continuing token, and so on; where none fits, the whole word is unknown.
#include "tokenize/word_pieces.h"

#include "base/errors.h"

namespace sinter {
namespace {

// Node numbers take 24 bits of a key, and the number behind the last one must not be a key's.
constexpr size_t kMostNodes = (size_t{1} << 24) - 1;

size_t bytes_of(const std::vector<std::string_view>& words) {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

// The code point at `at`, which moves behind it. A surrogate without its other half is U+FFFD, as
// in UTF-8 of JavaScript.
uint32_t next_code(std::u16string_view text, size_t& at) {
  const uint32_t unit = text[at++];
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit > 0xdbff || at == text.size()) return 0xfffd;
  const uint32_t low = text[at];
  if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
  ++at;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

}  // namespace

WordTree::WordTree(const std::vector<std::string_view>& words) {
  if (bytes_of(words) >= kMostNodes)
    throw Error(ErrorCode::INVALID_DATA, "the words of a vocabulary have too many bytes");
  make_room(words.size());
  for (size_t id = 0; id < words.size(); ++id) add(words[id], static_cast<int32_t>(id));
}

// At least half of the table stays empty, so that what is missing is found to be so after few
// steps.
void WordTree::make_room(size_t edges) {
  int bits = 4;
  while ((size_t{1} << bits) < 2 * edges) ++bits;
  std::vector<Edge> old(size_t{1} << bits);
  old.swap(edges_);
  shift_ = 32 - bits;
  for (const Edge& edge : old)
    if (edge.key != kNone) edges_[place(edge.key)] = edge;
}

void WordTree::add(std::string_view word, int32_t id) {
  uint32_t node = kRoot;
  Edge* edge = nullptr;
  for (const char byte : word) {
    const uint32_t key = node << 8 | static_cast<uint8_t>(byte);
    edge = &edges_[place(key)];
    if (edge->key == kNone) {
      if (2 * (used_ + 1) > edges_.size()) {
        make_room(2 * used_);
        edge = &edges_[place(key)];
      }
      edge->key = key;
      edge->to.node = static_cast<uint32_t>(++used_);
    }
    node = edge->to.node;
  }
  if (edge != nullptr) edge->to.id = id;
}

uint32_t WordTree::find(std::string_view prefix) const {
  uint32_t node = kRoot;
  for (const char byte : prefix) {
    node = next(node, static_cast<uint8_t>(byte)).node;
    if (node == kNone) return kNone;
  }
  return node;
}

WordPieces::WordPieces(const std::vector<std::string_view>& words, const WordPieceRules& rules)
    : tree_(words), unknown_(rules.unknown), max_word_(rules.max_word), text_(rules.text) {
  continuing_ = tree_.find(rules.prefix);
}

bool WordPieces::add(std::u16string_view text, PieceColumns& to) {
  const size_t before = to.ids.size();
  for (size_t at = 0; at < text.size();) {
    const auto begin = static_cast<int32_t>(at);
    const BertText::Items items = text_.of(next_code(text, at));
    const auto end = static_cast<int32_t>(at);
    for (int64_t i = 0; i < items.size; ++i) {
      const BertText::Item item = items.data[i];
      switch (BertText::kind(item)) {
        case CharKind::kLetter:
          add_letter(BertText::code(item), begin, end);
          break;
        case CharKind::kMark:
          end_word(to);
          add_letter(BertText::code(item), begin, end);
          end_word(to);
          break;
        case CharKind::kSpace:
          end_word(to);
          break;
        case CharKind::kMoved:
          to.resize(before);
          word_.clear();
          characters_ = 0;
          return false;
      }
    }
  }
  end_word(to);
  return true;
}

void WordPieces::add_letter(uint32_t code, int32_t begin, int32_t end) {
  const auto push = [&](uint32_t byte) {
    word_.push_back({static_cast<uint8_t>(byte), begin, end});
  };
  ++characters_;
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      push(0xe0 | code >> 12);
    } else {
      push(0xf0 | code >> 18);
      push(0x80 | (code >> 12 & 0x3f));
    }
    push(0x80 | (code >> 6 & 0x3f));
  }
  push(0x80 | (code & 0x3f));
}

void WordPieces::end_word(PieceColumns& to) {
  if (word_.empty()) return;
  const size_t before = to.ids.size();
  if (characters_ > max_word_ || !split_word(to)) {
    to.resize(before);
    to.push(unknown_, word_.front().begin, word_.back().end);
  }
  word_.clear();
  characters_ = 0;
}

bool WordPieces::split_word(PieceColumns& to) {
  uint32_t from = WordTree::kRoot;
  for (size_t begin = 0; begin < word_.size();) {
    size_t end = begin;
    int32_t id = -1;
    uint32_t node = from;
    for (size_t at = begin; at < word_.size() && node != WordTree::kNone;) {
      const WordTree::Step step = tree_.next(node, word_[at++].value);
      node = step.node;
      if (step.id < 0) continue;
      id = step.id;
      end = at;
    }
    if (id < 0) return false;
    to.push(id, word_[begin].begin, word_[end - 1].end);
    begin = end;
    from = continuing_;
  }
  return true;
}

}  // namespace sinter
