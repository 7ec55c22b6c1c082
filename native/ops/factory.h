// Makes the op of a node: the one explicit table of operations.
#pragma once

#include <memory>

#include "program/builder.h"
#include "program/op.h"

namespace sinter {

std::unique_ptr<Op> make_op(const NodeSpec& node, Builder& builder);

std::unique_ptr<Op> make_embedding(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_norm(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_linear(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_attention(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_dropout(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_pool(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_normalize(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_parameter(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_add(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_gate(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_concat(const NodeSpec& node, Builder& builder);
std::unique_ptr<Op> make_select(const NodeSpec& node, Builder& builder);

}  // namespace sinter
