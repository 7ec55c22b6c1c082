// Turns names into numbers of values and groups, with checks.
#include "program/builder.h"

#include <algorithm>
#include <utility>

#include "program/limits.h"

namespace sinter {

void Builder::fail(const std::string& op, const std::string& what) const {
  throw Error(ErrorCode::INTERNAL, op + ": " + what);
}

int Builder::input(const std::string& op, const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) fail(op, "value " + name + " is not defined before it is read");
  return found->second;
}

int Builder::input(const std::string& op, const std::string& name, ValueKind kind) const {
  const int id = input(op, name);
  if (value(id).kind != kind) {
    constexpr const char* kRows[] = {"token", "sequence", "selected token", "row of a table"};
    fail(op, "value " + name + " must have one row per " + kRows[static_cast<int>(kind)]);
  }
  return id;
}

int Builder::input_like(const std::string& op, const std::string& name,
                        const ValueInfo& other) const {
  const int id = input(op, name, other.kind);
  if (value(id).width != other.width || value(id).rows != other.rows)
    fail(op, "value " + name + " must have the shape of the other input");
  return id;
}

void Builder::check_size(const ValueInfo& info) const {
  const int64_t rows = info.kind == ValueKind::table ? info.rows : 1;
  if (info.width <= 0 || info.width > kMaxWidth || rows > kMaxTableElements / info.width) {
    fail(info.name, "must be at most " + std::to_string(kMaxWidth) + " wide, got " +
                        std::to_string(rows) + " x " + std::to_string(info.width));
  }
}

int Builder::add(ValueInfo info) {
  const int id = static_cast<int>(values_.size());
  check_size(info);
  if (info.name.empty()) fail(info.name, "a value needs a name");
  if (!names_.emplace(info.name, id).second) fail(info.name, "the value is defined twice");
  values_.push_back(std::move(info));
  needs_grad_.push_back(0);
  return id;
}

int Builder::define(const std::string& name, ValueKind kind, int64_t width) {
  return add({name, kind, width, 0});
}

int Builder::define(const std::string& name, const ValueInfo& other, int64_t width) {
  return add({name, other.kind, width == 0 ? other.width : width, other.rows});
}

int Builder::define_table(const std::string& name, int64_t rows, int64_t width) {
  return add({name, ValueKind::table, width, rows});
}

int Builder::define_hidden(const ValueInfo& other, int64_t width) {
  check_size({"", other.kind, width, other.rows});
  values_.push_back({"", other.kind, width, other.rows});
  needs_grad_.push_back(0);
  return static_cast<int>(values_.size()) - 1;
}

void Builder::read_features(const std::string& op, int64_t width) {
  if (feature_width_ != 0 && feature_width_ != width) {
    fail(op, "width must be " + std::to_string(feature_width_) + ", as another node has it, got " +
                 std::to_string(width));
  }
  feature_width_ = width;
}

bool Builder::passes_backward(const std::vector<int>& inputs,
                              const std::vector<int>& groups) const {
  return std::any_of(inputs.begin(), inputs.end(), [&](int value) { return needs_grad(value); }) ||
         std::any_of(groups.begin(), groups.end(),
                     [&](int group) { return weights_.at(group).trained; });
}

void Builder::note(const Op& op) {
  const uint8_t any = passes_backward(op.inputs(), op.groups()) ? 1 : 0;
  for (int output : op.outputs()) needs_grad_[static_cast<size_t>(output)] = any;
}

int Builder::group(const std::string& op, const std::vector<std::string>& names, PackUse use,
                   int64_t rows, int64_t width, int activation_bits) {
  const int id = weights_.group(names, use, activation_bits);
  const Pack& g = weights_.at(id);
  if ((rows >= 0 && g.rows != rows) || g.width != width) {
    fail(op, "weight " + names[0] + " must be [" + std::to_string(rows) + ", " +
                 std::to_string(width) + "], got [" + std::to_string(g.rows) + ", " +
                 std::to_string(g.width) + "]");
  }
  return id;
}

int Builder::vector(const std::string& op, const std::vector<std::string>& names, int64_t length) {
  const int id = group(op, names, PackUse::vector, length, 1);
  if (!weights_.at(id).storage->allows(PackUse::vector))
    fail(op, "weight " + names[0] + " must be f32");
  return id;
}

}  // namespace sinter
