// Byte-level byte pair encoding (Sennrich et al. 2016; Radford et al. 2019) of texts that GPT-2's
// pattern divides: the ids that the `tokenizers` package gives. Texts with added tokens are not for
// this class.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenize/word_tree.h"

namespace sinter {

struct BytePairRules {
  bool adds_space = false;  // before a text that does not begin with one
  // A word of the vocabulary is one token, whatever the merges make of it.
  bool ignores_merges = false;
};

class BytePairs {
 public:
  // `words` by id, in the letters that stand for bytes. `merges`: left and right in turns, the
  // first pair merged first. Throws INVALID_DATA where a byte or a merge is not in the vocabulary.
  BytePairs(const std::vector<std::string_view>& words, const std::vector<std::string_view>& merges,
            const BytePairRules& rules);

  // Adds the ids of a text. false, and nothing is added, where a word is so long that merging it
  // here would take long.
  bool add(std::u16string_view text, std::vector<int32_t>& to);

 private:
  struct Merge {
    int32_t rank = -1;  // -1: no merge
    int32_t id = 0;
  };
  struct Symbol {
    int32_t id;
    Merge merge;  // with the symbol after it
  };
  struct Edge {
    uint64_t pair = UINT64_MAX;
    Merge merge;
  };

  static uint64_t pair_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t pair) const;
  Merge find(int32_t left, int32_t right) const {
    return merges_[place(pair_of(left, right))].merge;
  }
  size_t word_end(std::u16string_view text, size_t begin) const;
  bool add_words(std::u16string_view text, std::vector<int32_t>& to);
  // The last step of a walk from a node on; none where no word goes on so.
  WordTree::Step walk(uint32_t node, std::string_view bytes) const;
  void add_word(std::vector<int32_t>& to);

  BytePairRules rules_;
  WordTree tree_;
  std::array<int32_t, 256> bytes_;  // ids
  std::vector<Edge> merges_;
  int shift_ = 0;
  std::vector<uint8_t> word_;
  std::vector<Symbol> symbols_;
};

}  // namespace sinter
