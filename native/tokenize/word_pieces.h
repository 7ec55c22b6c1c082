// WordPiece (Schuster and Nakajima 2012; Devlin et al. 2019) of texts under BERT's normalizer: the
// ids that the `tokenizers` package gives, and where in the text each token is. Texts with added
// tokens are not for this class.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenize/bert_text.h"
#include "tokenize/word_tree.h"

namespace sinter {

struct WordPieceRules {
  BertTextRules text;
  std::string_view prefix;  // of tokens that continue a word
  int32_t unknown = 0;
  int64_t max_word = 100;  // characters of a word beyond which it is unknown
};

// Tokens of texts back to back. Places are UTF-16 units of their text.
struct PieceColumns {
  std::vector<int32_t> ids, starts, ends;

  void push(int32_t id, int32_t start, int32_t end) {
    ids.push_back(id);
    starts.push_back(start);
    ends.push_back(end);
  }
  void resize(size_t tokens) {
    ids.resize(tokens);
    starts.resize(tokens);
    ends.resize(tokens);
  }
};

class WordPieces {
 public:
  // `words` by id. Throws INVALID_DATA for more bytes than the tree can number.
  WordPieces(const std::vector<std::string_view>& words, const WordPieceRules& rules);

  // Adds the tokens of a text. false, and nothing is added, where only the package can tell them.
  bool add(std::u16string_view text, PieceColumns& to);

 private:
  // A byte of the word that is being read, and where its character is in the text.
  struct Byte {
    uint8_t value;
    int32_t begin, end;
  };

  void add_letter(uint32_t code, int32_t begin, int32_t end);
  void end_word(PieceColumns& to);
  bool split_word(PieceColumns& to);

  WordTree tree_;
  uint32_t continuing_;
  int32_t unknown_;
  int64_t max_word_;
  BertText text_;
  std::vector<Byte> word_;  // in UTF-8
  int64_t characters_ = 0;  // of the word
};

}  // namespace sinter
