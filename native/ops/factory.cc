// The table of operations from all_ops.inc, as functions that make them.
#include "ops/factory.h"

namespace sinter {
namespace {

struct OpRow {
  const char* name;
  std::unique_ptr<Op> (*make)(const Node& node, Builder& builder);
};

constexpr OpRow kOps[] = {
#define SINTER_OP(name) {#name, &make_##name},
#include "ops/all_ops.inc"
#undef SINTER_OP
};

}  // namespace

std::unique_ptr<Op> make_op(const NodeSpec& spec, Builder& builder) {
  for (const OpRow& row : kOps) {
    if (spec.op != row.name) continue;
    const Node node(spec);
    std::unique_ptr<Op> op = row.make(node, builder);
    node.check_all_read();
    return op;
  }
  builder.fail(spec.output, "there is no operation " + spec.op);
}

}  // namespace sinter
