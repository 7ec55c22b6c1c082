// Makes the op of a node. all_ops.inc is the only table of operations; each op reads the fields of
// its node itself.
#pragma once

#include <memory>

#include "program/builder.h"
#include "program/node.h"
#include "program/op.h"

namespace sinter {

std::unique_ptr<Op> make_op(const NodeSpec& spec, Builder& builder);

#define SINTER_OP(name) std::unique_ptr<Op> make_##name(const Node& node, Builder& builder);
#include "ops/all_ops.inc"
#undef SINTER_OP

}  // namespace sinter
