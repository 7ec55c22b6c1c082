// Reads the fields of a node for its op. TypeScript has validated the graph, so an error is
// INTERNAL; it names the node and the field all the same. A field that the op has not read is
// refused, so that nothing in a graph is ignored.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "program/graph_spec.h"

namespace sinter {

// The allowed words of a field, each with the value that it means.
template <typename T, size_t N>
using Choices = std::array<std::pair<const char*, T>, N>;

// The fields of an object, borrowed from the spec.
class Fields {
 public:
  // Errors put `path` before the name of a field.
  Fields(std::string path, const Field& object) : path_(std::move(path)), object_(&object) {}

  // Whether an optional field exists; null counts as existing.
  bool has(const char* key) const { return find(key) != nullptr; }
  const std::string& text(const char* key) const;
  // A text that is not empty; nullopt for null.
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

  // Throws for a field that was not read, here or in an object inside.
  void check_all_read() const;

 private:
  const Field* find(const char* key) const;
  // The field `key` of this kind; marks it as read.
  const Field& need(const char* key, Field::Kind kind, const char* what) const;
  [[noreturn]] void fail(const std::string& key, const std::string& must_be) const;

  std::string path_;
  const Field* object_;
};

class Node : public Fields {
 public:
  explicit Node(const NodeSpec& spec)
      : Fields(spec.output + ": ", spec.fields), output(spec.output) {}

  // The name of the value that the node defines.
  const std::string& output;
};

}  // namespace sinter
