// A word is cut greedily: the longest word of the vocabulary that it begins with, then the longest
// continuing token, and so on; where none fits, the whole word is unknown.
#include "tokenize/word_pieces.h"

#include "tokenize/utf16.h"

namespace sinter {
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
  ++characters_;
  each_byte(code, [&](uint8_t byte) { word_.push_back({byte, begin, end}); });
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
