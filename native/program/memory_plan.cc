// Plans memory by first fit over live ranges, in the order of definition. A program has some
// hundreds of values at most, so the plain quadratic way is fast enough.
#include "program/memory_plan.h"

#include <algorithm>

namespace sinter {
namespace {

// Rounds rows up, so that every value takes whole steps of 64 bytes.
int64_t padded_rows(int64_t rows) { return (rows + 15) / 16 * 16; }

struct Life {
  int first = -1, last = -1;
};

// For each value the value that owns its memory: itself unless it is an alias.
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

void touch(Life& life, int now) {
  if (life.first < 0) life.first = now;
  life.last = std::max(life.last, now);
}

// Floats that a value takes in its room: per row, or for a table all of it, rounded up to 64 bytes.
int64_t extent(const ValueInfo& value) {
  return value.kind == ValueKind::table ? padded_rows(value.rows * value.width) : value.width;
}

// Places the values that own memory and are used, in the order of definition.
MemoryPlan place(const std::vector<ValueInfo>& values, const std::vector<int>& root,
                 const std::vector<Life>& lives) {
  MemoryPlan plan;
  plan.offsets.assign(values.size(), 0);
  std::vector<size_t> placed;
  for (size_t v = 0; v < values.size(); ++v) {
    if (root[v] != static_cast<int>(v) || lives[v].first < 0) continue;
    const Room room = room_of(values[v].kind);
    int64_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t other : placed) {
        const bool together = room_of(values[other].kind) == room &&
                              lives[v].first <= lives[other].last &&
                              lives[other].first <= lives[v].last;
        const int64_t end = plan.offsets[other] + extent(values[other]);
        if (together && offset < end && plan.offsets[other] < offset + extent(values[v])) {
          offset = end;
          moved = true;
        }
      }
    }
    plan.offsets[v] = offset;
    int64_t& width = plan.widths[static_cast<size_t>(room)];
    width = std::max(width, offset + extent(values[v]));
    placed.push_back(v);
  }
  for (size_t v = 0; v < values.size(); ++v)
    plan.offsets[v] = plan.offsets[static_cast<size_t>(root[v])];
  return plan;
}

}  // namespace

Arena::Arena(const MemoryPlan& plan, int64_t tokens, int64_t selected) {
  rows_ = {padded_rows(tokens), padded_rows(selected), 1};
  for (size_t room = 0; room < kRooms; ++room) {
    begins_[room] = size_;
    size_ += plan.widths[room] * rows_[room];
  }
}

MemoryPlan plan_memory(const std::vector<ValueInfo>& values,
                       const std::vector<std::unique_ptr<Op>>& ops,
                       const std::vector<int>& to_the_end) {
  const std::vector<int> root = find_roots(values.size(), ops);
  std::vector<Life> lives(values.size());
  const auto life = [&](int value) -> Life& {
    return lives[static_cast<size_t>(root[static_cast<size_t>(value)])];
  };
  for (size_t i = 0; i < ops.size(); ++i) {
    for (int value : ops[i]->inputs()) touch(life(value), static_cast<int>(i));
    for (int value : ops[i]->outputs()) touch(life(value), static_cast<int>(i));
  }
  for (int value : to_the_end) touch(life(value), static_cast<int>(ops.size()));
  return place(values, root, lives);
}

GradientPlan plan_gradients(const std::vector<ValueInfo>& values,
                            const std::vector<std::unique_ptr<Op>>& ops,
                            const std::vector<uint8_t>& needed, const std::vector<int>& losses) {
  const std::vector<int> root = find_roots(values.size(), ops);
  std::vector<Life> lives(values.size());
  for (size_t i = 0; i < ops.size(); ++i) {
    if (needed[i] == 0) continue;
    const auto own = [&](int value) {
      touch(lives[static_cast<size_t>(root[static_cast<size_t>(value)])], static_cast<int>(i));
    };
    for (int value : ops[i]->inputs()) own(value);
    own(ops[i]->outputs()[0]);
  }
  const int start = static_cast<int>(ops.size());
  for (int loss : losses) touch(lives[static_cast<size_t>(root[static_cast<size_t>(loss)])], start);
  GradientPlan plan{place(values, root, lives), {}};
  plan.begins.resize(ops.size());
  for (size_t v = 0; v < values.size(); ++v) {
    if (lives[v].first < 0 || lives[v].last == start) continue;
    plan.begins[static_cast<size_t>(lives[v].last)].push_back(static_cast<int>(v));
  }
  return plan;
}

}  // namespace sinter
