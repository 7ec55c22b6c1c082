// The parser takes what JSON allows and the class comment does not exclude. Whatever it refuses is
// read by JSON.parse, which also finds the words for what is wrong with it.
#include "tokenize/word_list.h"

#include <algorithm>

#include "tokenize/utf16.h"

namespace sinter {
namespace {

// A word of the text, and where its bytes are among those of all words.
struct Entry {
  uint32_t begin, end;
  int32_t id;
};

class Parser {
 public:
  explicit Parser(std::string_view json) : json_(json) {}

  // false where the text is refused. `bytes`: of all words, in the order of the text.
  bool parse(std::vector<Entry>& entries, std::string& bytes) {
    if (!take('{')) return false;
    do {
      const auto begin = static_cast<uint32_t>(bytes.size());
      int32_t id = 0;
      if (!word(bytes) || !take(':') || !number(id)) return false;
      const auto end = static_cast<uint32_t>(bytes.size());
      if (end == begin || end - begin > WordList::kMostWordBytes || end > WordList::kMostBytes ||
          entries.size() == WordList::kMostWords)
        return false;
      entries.push_back({begin, end, id});
    } while (take(','));
    return take('}') && (skip_space(), at_ == json_.size());
  }

 private:
  void skip_space() {
    while (at_ < json_.size() &&
           (json_[at_] == ' ' || json_[at_] == '\n' || json_[at_] == '\t' || json_[at_] == '\r'))
      ++at_;
  }

  bool take(char sign) {
    skip_space();
    if (at_ == json_.size() || json_[at_] != sign) return false;
    ++at_;
    return true;
  }

  bool number(int32_t& id) {
    skip_space();
    const size_t begin = at_;
    int64_t value = 0;
    while (at_ < json_.size() && json_[at_] >= '0' && json_[at_] <= '9' && at_ - begin < 8)
      value = 10 * value + (json_[at_++] - '0');
    id = static_cast<int32_t>(value);
    return at_ > begin && (at_ == begin + 1 || json_[begin] != '0');
  }

  bool word(std::string& to) {
    if (!take('"')) return false;
    while (at_ < json_.size()) {
      const auto byte = static_cast<uint8_t>(json_[at_]);
      if (byte == '"') {
        ++at_;
        return true;
      }
      if (byte < 0x20) return false;
      if (byte == '\\') {
        if (!escape(to)) return false;
      } else if (byte < 0x80) {
        to.push_back(json_[at_++]);
      } else if (!character(to)) {
        return false;
      }
    }
    return false;
  }

  bool escape(std::string& to) {
    if (++at_ == json_.size()) return false;
    static constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
    const char name = json_[at_++];
    const size_t simple = kNames.find(name);
    if (simple != std::string_view::npos) {
      to.push_back(kMeant[simple]);
      return true;
    }
    uint32_t code = 0;
    if (name != 'u' || !unit(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      uint32_t low = 0;
      if (code >= 0xdc00 || json_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      if (!unit(low) || low < 0xdc00 || low >= 0xe000) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0) return false;
    each_byte(code, [&](uint8_t byte) { to.push_back(static_cast<char>(byte)); });
    return true;
  }

  // Four hexadecimal digits.
  bool unit(uint32_t& code) {
    if (json_.size() - at_ < 4) return false;
    for (int i = 0; i < 4; ++i) {
      const char digit = json_[at_++];
      const int value = digit >= '0' && digit <= '9'   ? digit - '0'
                        : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                        : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                       : -1;
      if (value < 0) return false;
      code = 16 * code + static_cast<uint32_t>(value);
    }
    return true;
  }

  // A character of two to four bytes, by table 3-7 of the Unicode standard.
  bool character(std::string& to) {
    const auto first = static_cast<uint8_t>(json_[at_]);
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || json_.size() - at_ < length) return false;
    const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<uint8_t>(json_[at_ + i]);
      if (byte < (i == 1 ? low : 0x80) || byte > (i == 1 ? high : 0xbf)) return false;
    }
    to.append(json_.substr(at_, length));
    at_ += length;
    return true;
  }

  std::string_view json_;
  size_t at_ = 0;
};

// Places of the table that are looked at for a word. A file whose words were chosen so that they
// meet would take quadratic time.
constexpr size_t kMostSteps = 1024;

// FNV-1a (Fowler, Noll and Vo).
uint32_t hash_of(std::string_view word) {
  uint32_t hash = 2166136261u;
  for (const char byte : word) hash = (hash ^ static_cast<uint8_t>(byte)) * 16777619u;
  return hash;
}

}  // namespace

std::optional<WordList> WordList::of_json(std::string_view json) {
  std::vector<Entry> entries;
  std::string bytes;
  // A word takes some six bytes of the text beside its own.
  bytes.reserve(std::min(json.size(), kMostBytes));
  if (!Parser(json).parse(entries, bytes)) return std::nullopt;
  const size_t count = entries.size();
  std::vector<const Entry*> by_id(count, nullptr);
  for (const Entry& entry : entries) {
    const auto id = static_cast<size_t>(entry.id);
    if (id >= count || by_id[id] != nullptr) return std::nullopt;
    by_id[id] = &entry;
  }
  WordList list;
  list.bytes_.reserve(bytes.size());
  list.ends_.reserve(count);
  for (const Entry* entry : by_id) {
    list.bytes_.append(bytes, entry->begin, entry->end - entry->begin);
    list.ends_.push_back(static_cast<uint32_t>(list.bytes_.size()));
  }
  // An object of JavaScript treats this name in its own way.
  if (!list.index() || list.find("__proto__") >= 0) return std::nullopt;
  return list;
}

bool WordList::index() {
  size_t room = 16;
  while (room < 2 * size()) room *= 2;
  table_.assign(room, -1);
  for (size_t id = 0; id < size(); ++id) {
    const std::string_view own = word(id);
    const size_t at = place(own), first = hash_of(own) & (room - 1);
    if (table_[at] >= 0 || ((at - first) & (room - 1)) > kMostSteps) return false;
    table_[at] = static_cast<int32_t>(id);
  }
  return true;
}

// Where a word is in the table, or would be. Half of the table is free, so a search ends.
size_t WordList::place(std::string_view wanted) const {
  size_t at = hash_of(wanted) & (table_.size() - 1);
  while (table_[at] >= 0 && word(static_cast<size_t>(table_[at])) != wanted)
    at = (at + 1) & (table_.size() - 1);
  return at;
}

int32_t WordList::find(std::string_view wanted) const { return table_[place(wanted)]; }

std::vector<std::string_view> WordList::words() const {
  std::vector<std::string_view> all;
  all.reserve(size());
  for (size_t id = 0; id < size(); ++id) all.push_back(word(id));
  return all;
}

std::string WordList::joined() const {
  std::string all;
  all.reserve(bytes_.size() + size());
  for (size_t id = 0; id < size(); ++id) {
    if (id > 0) all.push_back('\0');
    all.append(word(id));
  }
  return all;
}

}  // namespace sinter
