// Unpacks the graph of lib/graph/types.ts into a GraphSpec, without knowledge of operations: the
// fields of a node become a tree with bounded depth, size and texts, which the operation reads.
#include <array>
#include <cmath>
#include <utility>

#include "addon/args.h"
#include "program/limits.h"

namespace sinter {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 40;
// The deepest nesting in one node; a list of objects has a depth of 2.
constexpr int kMaxDepth = 4;
// The most fields and list entries in all nodes together.
constexpr int64_t kMaxParts = int64_t{1} << 20;
constexpr size_t kMaxText = size_t{1} << 16;

Napi::Object element(const Napi::Array& array, uint32_t index) {
  const Napi::Value value = array.Get(index);
  if (!value.IsObject()) bad_argument("a list of the graph must hold objects");
  return value.As<Napi::Object>();
}

// Unpacks the fields of all nodes.
class FieldReader {
 public:
  NodeSpec node(const Napi::Object& object) {
    NodeSpec node;
    node.op = string_field(object, "op");
    node.output = string_field(object, "output");
    node.fields.kind = Field::Kind::object;
    read_object(object, node.fields, 0);
    std::erase_if(node.fields.parts,
                  [](const Field& field) { return field.name == "op" || field.name == "output"; });
    return node;
  }

 private:
  void read(const Napi::Value& value, Field& field, int depth) {
    if (depth > kMaxDepth) bad_argument(field.name + " is nested too deeply");
    if (value.IsNull()) return;
    if (value.IsNumber()) {
      field.kind = Field::Kind::number;
      field.number = value.As<Napi::Number>().DoubleValue();
    } else if (value.IsString()) {
      field.kind = Field::Kind::text;
      field.text = value.As<Napi::String>();
      if (field.text.size() > kMaxText) bad_argument(field.name + " is too long");
    } else if (value.IsArray()) {
      field.kind = Field::Kind::list;
      read_list(value.As<Napi::Array>(), field, depth);
    } else if (value.Type() == napi_object && !value.IsTypedArray()) {
      field.kind = Field::Kind::object;
      read_object(value.As<Napi::Object>(), field, depth);
    } else {
      bad_argument("a node has a field of no known type: " + field.name);
    }
  }

  void read_list(const Napi::Array& array, Field& list, int depth) {
    const uint32_t count = array.Length();
    for (uint32_t i = 0; i < count; ++i) read(array.Get(i), add_part(list), depth + 1);
  }

  // A field with the value undefined counts as missing.
  void read_object(const Napi::Object& object, Field& into, int depth) {
    const Napi::Array names = object.GetPropertyNames();
    const uint32_t count = names.Length();
    for (uint32_t i = 0; i < count; ++i) {
      const Napi::Value name = names.Get(i), value = object.Get(name);
      if (value.IsUndefined()) continue;
      Field& field = add_part(into);
      field.name = name.ToString();
      if (field.name.size() > kMaxText) bad_argument("the name of a field is too long");
      read(value, field, depth + 1);
    }
  }

  Field& add_part(Field& holder) {
    if (++parts_ > kMaxParts) bad_argument("the graph has too many fields");
    return holder.parts.emplace_back();
  }

  int64_t parts_ = 0;
};

}  // namespace

WeightSpec weight_spec_arg(const Napi::Object& object) {
  WeightSpec spec;
  spec.name = string_field(object, "name");
  const std::string dtype = string_field(object, "dtype");
  spec.storage = find_storage(dtype);
  if (spec.storage == nullptr) bad_argument("unknown weight dtype " + dtype);
  const Napi::Array shape = array_field(object, "shape");
  const uint32_t axes = shape.Length();
  if (axes < 1 || axes > 2) bad_argument("weight " + spec.name + " must have 1 or 2 axes");
  int64_t elements = 1;
  for (uint32_t i = 0; i < axes; ++i) {
    const Napi::Value axis = shape.Get(i);
    const double size = axis.IsNumber() ? axis.As<Napi::Number>().DoubleValue() : 0;
    if (!(size >= 1 && size <= static_cast<double>(kMaxSize / elements)) ||
        size != std::floor(size)) {
      bad_argument("weight " + spec.name + " has an impossible shape");
    }
    spec.shape.push_back(static_cast<int64_t>(size));
    elements *= spec.shape.back();
  }
  return spec;
}

GraphSpec graph_arg(const Napi::Object& object) {
  GraphSpec graph;
  graph.max_tokens = integer_field(object, "maxTokens", 1, kMaxTokensLimit);
  graph.vocabulary = integer_field(object, "vocabulary", 1, kMaxVocabulary);
  graph.segments = integer_field(object, "segments", 0, kMaxSegments);
  const Napi::Array weights = array_field(object, "weights");
  for (uint32_t i = 0; i < weights.Length(); ++i)
    graph.weights.push_back(weight_spec_arg(element(weights, i)));
  const Napi::Array nodes = array_field(object, "nodes");
  if (nodes.Length() > kMaxNodes) bad_argument("the graph has too many nodes");
  FieldReader fields;
  for (uint32_t i = 0; i < nodes.Length(); ++i)
    graph.nodes.push_back(fields.node(element(nodes, i)));
  const Napi::Object outputs = object_field(object, "outputs");
  const Napi::Array names = outputs.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    graph.outputs.push_back({name, string_field(outputs, name.c_str())});
  }
  return graph;
}

}  // namespace sinter
