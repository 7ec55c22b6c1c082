// The native mirror of lib/graph/types.ts: what the addon unpacks the graph into. Plain data
// without knowledge of operations: what the fields of a node mean is known to its file in ops/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/weight_spec.h"

namespace sinter {

// A field of a node, or a part of one.
struct Field {
  enum class Kind { null, text, number, list, object };

  std::string name;  // empty for a part of a list
  Kind kind = Kind::null;
  std::string text;
  double number = 0;
  std::vector<Field> parts;   // of a list or an object
  mutable bool read = false;  // by the op that is made of the node
};

// Without `op` and `output` in `fields`, an object.
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
