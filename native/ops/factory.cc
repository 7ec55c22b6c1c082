// The table of operations.
#include "ops/factory.h"

namespace sinter {

std::unique_ptr<Op> make_op(const NodeSpec& node, Builder& builder) {
  switch (node.op) {
    case OpKind::embedding:
      return make_embedding(node, builder);
    case OpKind::norm:
      return make_norm(node, builder);
    case OpKind::linear:
      return make_linear(node, builder);
    case OpKind::attention:
      return make_attention(node, builder);
    case OpKind::dropout:
      return make_dropout(node, builder);
    case OpKind::pool:
      return make_pool(node, builder);
    case OpKind::parameter:
      return make_parameter(node, builder);
    case OpKind::add:
      return make_add(node, builder);
    case OpKind::gate:
      return make_gate(node, builder);
    case OpKind::concat:
      return make_concat(node, builder);
    case OpKind::select:
      return make_select(node, builder);
    case OpKind::normalize:
      return make_normalize(node, builder);
  }
  builder.fail(node.output, "unknown operation");
}

}  // namespace sinter
