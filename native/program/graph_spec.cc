// What a node reads: the one place that knows it for every operation.
#include "program/graph_spec.h"

namespace sinter {

std::vector<std::string> inputs_of(const NodeSpec& node) {
  std::vector<std::string> names = node.inputs;
  const auto add = [&](const std::string& name) {
    if (!name.empty()) names.push_back(name);
  };
  add(node.input);
  add(node.residual);
  if (node.disentangled.has_value()) {
    add(node.disentangled->keys);
    add(node.disentangled->queries);
  }
  return names;
}

}  // namespace sinter
