// The native mirror of lib/graph/types.ts, into which the addon unpacks a graph. Plain data that
// knows no operation: the file of an operation in ops/ knows what the fields of its node mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/weight_spec.h"

namespace sinter {

// A field of a node, or an entry of a field that is a list or an object.
struct Field {
  enum class Kind { null, text, number, list, object };

  std::string name;  // empty for an entry of a list
  Kind kind = Kind::null;
  std::string text;
  double number = 0;
  std::vector<Field> parts;   // entries of a list or an object
  mutable bool read = false;  // set when the op of the node reads it
};

// `fields` is an object with all fields of the node except `op` and `output`.
struct NodeSpec {
  std::string op, output;
  Field fields;
};

struct OutputSpec {
  std::string name, value;
};

struct GraphSpec {
  int64_t max_tokens = 0, vocabulary = 0, segments = 0;
  std::vector<WeightSpec> weights;
  std::vector<NodeSpec> nodes;
  std::vector<OutputSpec> outputs;
};

}  // namespace sinter
