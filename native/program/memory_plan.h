// Where values live in an arena. A plan is a pure function of the ops: offsets are in floats per
// (padded) token, so one plan serves every batch size. Sequence values use a row per token too:
// there are never more sequences than tokens.
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

// reuse: values share memory when their lives do not overlap (inference); otherwise each has its
// own (training). A value lives from the op that writes it to the last op that reads it.
MemoryPlan plan_memory(const std::vector<ValueInfo>& values,
                       const std::vector<std::unique_ptr<Op>>& ops, bool reuse);

}  // namespace sinter
