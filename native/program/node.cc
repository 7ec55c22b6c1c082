// Finds fields, and throws the error of each mismatch.
#include "program/node.h"

#include <cmath>

#include "base/errors.h"

namespace sinter {
namespace {

void refuse_unread(const std::string& path, const Field& holder) {
  for (const Field& part : holder.parts) {
    const bool named = holder.kind == Field::Kind::object;
    if (named && !part.read)
      throw Error(ErrorCode::INTERNAL, path + part.name + " is not a field of this operation");
    refuse_unread(named ? path + part.name + "." : path, part);
  }
}

}  // namespace

void Fields::fail(const std::string& key, const std::string& must_be) const {
  throw Error(ErrorCode::INTERNAL, path_ + key + " must be " + must_be);
}

const Field* Fields::find(const char* key) const {
  for (const Field& field : object_->parts) {
    if (field.name == key) return &field;
  }
  return nullptr;
}

const Field& Fields::need(const char* key, Field::Kind kind, const char* what) const {
  const Field* field = find(key);
  if (field == nullptr) fail(key, std::string(what) + ", it is missing");
  if (field->kind != kind) fail(key, what);
  field->read = true;
  return *field;
}

const std::string& Fields::text(const char* key) const {
  return need(key, Field::Kind::text, "a string").text;
}

std::optional<std::string> Fields::text_or_null(const char* key) const {
  const Field* field = find(key);
  if (field != nullptr && field->kind == Field::Kind::null) {
    field->read = true;
    return std::nullopt;
  }
  const std::string& name = need(key, Field::Kind::text, "a name or null").text;
  if (name.empty()) fail(key, "a name or null, it is empty");
  return name;
}

double Fields::number(const char* key) const {
  return need(key, Field::Kind::number, "a number").number;
}

int64_t Fields::integer(const char* key, int64_t low, int64_t high) const {
  const double value = number(key);
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) ||
      value != std::floor(value)) {
    fail(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<int64_t>(value);
}

std::vector<std::string> Fields::texts(const char* key) const {
  std::vector<std::string> list;
  for (const Field& part : need(key, Field::Kind::list, "a list of strings").parts) {
    if (part.kind != Field::Kind::text) fail(key, "a list of strings");
    list.push_back(part.text);
  }
  return list;
}

Fields Fields::object(const char* key) const {
  return {path_ + key + ".", need(key, Field::Kind::object, "an object")};
}

std::vector<Fields> Fields::objects(const char* key) const {
  std::vector<Fields> list;
  for (const Field& part : need(key, Field::Kind::list, "a list of objects").parts) {
    if (part.kind != Field::Kind::object) fail(key, "a list of objects");
    list.emplace_back(path_ + key + "[" + std::to_string(list.size()) + "].", part);
  }
  return list;
}

void Fields::check_all_read() const { refuse_unread(path_, *object_); }

}  // namespace sinter
