// First fit over live ranges, in the order of definition: a few dozen values, so the plain
// quadratic way is enough.
#include "program/memory_plan.h"

#include <algorithm>

namespace sinter {
namespace {

struct Life {
  int first = -1, last = -1;
};

// Aliases resolved to the value that owns the memory.
std::vector<int> find_roots(size_t count, const std::vector<std::unique_ptr<Op>>& ops) {
  std::vector<int> root(count);
  for (size_t i = 0; i < count; ++i) root[i] = static_cast<int>(i);
  for (const auto& op : ops) {
    if (op->is_alias()) {
      root[static_cast<size_t>(op->outputs()[0])] = root[static_cast<size_t>(op->inputs()[0])];
    }
  }
  return root;
}

std::vector<Life> find_lives(const std::vector<int>& root,
                             const std::vector<std::unique_ptr<Op>>& ops) {
  std::vector<Life> lives(root.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    const int now = static_cast<int>(i);
    for (const std::vector<int>* list : {&ops[i]->inputs(), &ops[i]->outputs()}) {
      for (int value : *list) {
        Life& life = lives[static_cast<size_t>(root[static_cast<size_t>(value)])];
        if (life.first < 0) life.first = now;
        life.last = now;
      }
    }
  }
  return lives;
}

}  // namespace

MemoryPlan plan_memory(const std::vector<ValueInfo>& values,
                       const std::vector<std::unique_ptr<Op>>& ops, bool reuse) {
  const std::vector<int> root = find_roots(values.size(), ops);
  const std::vector<Life> lives = find_lives(root, ops);
  MemoryPlan plan;
  plan.offsets.assign(values.size(), 0);
  std::vector<size_t> placed;
  for (size_t v = 0; v < values.size(); ++v) {
    if (root[v] != static_cast<int>(v) || lives[v].first < 0) continue;
    int64_t offset = reuse ? 0 : plan.width;
    for (bool moved = reuse; moved;) {
      moved = false;
      for (size_t other : placed) {
        const bool together =
            lives[v].first <= lives[other].last && lives[other].first <= lives[v].last;
        const int64_t end = plan.offsets[other] + values[other].width;
        if (together && offset < end && plan.offsets[other] < offset + values[v].width) {
          offset = end;
          moved = true;
        }
      }
    }
    plan.offsets[v] = offset;
    plan.width = std::max(plan.width, offset + values[v].width);
    placed.push_back(v);
  }
  for (size_t v = 0; v < values.size(); ++v)
    plan.offsets[v] = plan.offsets[static_cast<size_t>(root[v])];
  return plan;
}

}  // namespace sinter
