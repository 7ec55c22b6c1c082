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
    case OpKind::add:
    case OpKind::gate:
    case OpKind::concat:
    case OpKind::select:
      builder.fail(node.output, "this operation has no native program yet");
    case OpKind::normalize:
      return make_normalize(node, builder);
  }
  builder.fail(node.output, "unknown operation");
}

}  // namespace sinter
