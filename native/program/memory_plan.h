// Where values and gradients live in an arena. A plan is a pure function of the ops: offsets are in
// floats per (padded) token, so one plan serves every batch size. Sequence values use a row per
// token too: there are never more sequences than tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "program/op.h"

namespace sinter {

struct MemoryPlan {
  std::vector<int64_t> offsets;  // per value, floats per token; aliases share an offset
  int64_t width = 0;             // floats per token of the whole arena
};

// Values share memory when their lives do not overlap. A value lives from the op that writes it to
// the last op that reads it; those of `to_the_end` (what backward or the caller reads) to the end.
MemoryPlan plan_memory(const std::vector<ValueInfo>& values,
                       const std::vector<std::unique_ptr<Op>>& ops,
                       const std::vector<int>& to_the_end);

struct GradientPlan : MemoryPlan {
  // Per op: the values whose gradients begin, at 0, right before its backward.
  std::vector<std::vector<int>> begins;
};

// The same for gradients, which live backwards: from the backward of the last op that reads a value
// to that of the op that writes it, and the gradient of `loss` from the very start, where the
// caller fills it. Only the ops marked in `needed` run, and values that only backward reads have no
// gradient.
GradientPlan plan_gradients(const std::vector<ValueInfo>& values,
                            const std::vector<std::unique_ptr<Op>>& ops,
                            const std::vector<uint8_t>& needed, int loss);

}  // namespace sinter
