// How an op reads the fields of its node. TypeScript has validated the graph, so an error is
// INTERNAL; it names the node and the field all the same. A field that the op did not read is
// refused: nothing that a graph says is ignored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "program/graph_spec.h"

namespace sinter {

// The words of a field, each with what it stands for.
template <typename T, size_t N>
using Choices = std::array<std::pair<const char*, T>, N>;

// An object among the fields, borrowed from the spec.
class Fields {
 public:
  // `path` stands before the name of a field in an error.
  Fields(std::string path, const Field& object) : path_(std::move(path)), object_(&object) {}

  // Whether an optional field is there; null counts.
  bool has(const char* key) const { return find(key) != nullptr; }
  const std::string& text(const char* key) const;
  // A text that is not empty, or null.
  std::optional<std::string> text_or_null(const char* key) const;
  double number(const char* key) const;
  int64_t integer(const char* key, int64_t low, int64_t high) const;
  std::vector<std::string> texts(const char* key) const;
  Fields object(const char* key) const;
  std::vector<Fields> objects(const char* key) const;

  template <typename T, size_t N>
  T choice(const char* key, const Choices<T, N>& choices) const {
    const std::string& word = text(key);
    std::string known;
    for (const auto& [name, value] : choices) {
      if (word == name) return value;
      known += std::string(known.empty() ? "" : ", ") + name;
    }
    fail(key, "one of " + known + ", got " + word);
  }

  // Refuses a field that nobody read, here or in an object within.
  void check_all_read() const;

 private:
  const Field* find(const char* key) const;
  // Notes that the field is read.
  const Field& need(const char* key, Field::Kind kind, const char* what) const;
  [[noreturn]] void fail(const std::string& key, const std::string& must_be) const;

  std::string path_;
  const Field* object_;
};

class Node : public Fields {
 public:
  explicit Node(const NodeSpec& spec)
      : Fields(spec.output + ": ", spec.fields), output(spec.output) {}

  // The name of the value that the node makes.
  const std::string& output;
};

}  // namespace sinter
