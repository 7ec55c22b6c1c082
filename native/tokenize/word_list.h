// The words of a vocabulary by id, and ids by word.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sinter {

class WordList {
 public:
  static constexpr size_t kMostWords = size_t{1} << 20;
  static constexpr size_t kMostBytes = size_t{1} << 22;  // of all words together
  static constexpr size_t kMostWordBytes = 1024;

  // Of a JSON object of words and ids. nullopt for any other text and for a vocabulary that is not
  // plain: ids other than 0 to n - 1, each once and in digits alone; words that are empty, occur
  // twice, have a zero character or half of a surrogate pair, or are `__proto__`; words of one hash
  // by the hundred; more than the limits above.
  static std::optional<WordList> of_json(std::string_view json);

  size_t size() const { return ends_.size(); }
  std::string_view word(size_t id) const {
    const size_t begin = id == 0 ? 0 : ends_[id - 1];
    return std::string_view(bytes_).substr(begin, ends_[id] - begin);
  }
  // All words by id. They borrow from this list.
  std::vector<std::string_view> words() const;
  // -1 for what is no word.
  int32_t find(std::string_view word) const;
  // All words in the order of their ids, with a zero character between them.
  std::string joined() const;

 private:
  bool index();  // false where a word occurs twice, or takes many steps to find
  size_t place(std::string_view word) const;

  std::string bytes_;           // in UTF-8, back to back
  std::vector<uint32_t> ends_;  // of each word in bytes_
  std::vector<int32_t> table_;  // ids by the hash of their words; -1: free
};

}  // namespace sinter
