// Plans where values and gradients lie in an arena. A plan is a pure function of the ops: offsets
// are in floats per (padded) row, so one plan serves every batch size. The arena has three rooms:
// for values with a row per token, for values with a row per selected token, and for tables, whose
// size does not depend on the batch. Sequence values take a row per token too, because there are
// never more sequences than tokens.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "program/op.h"

namespace sinter {

enum class Room : int { tokens = 0, selected = 1, tables = 2 };
inline constexpr int kRooms = 3;

constexpr Room room_of(ValueKind kind) {
  if (kind == ValueKind::table) return Room::tables;
  return kind == ValueKind::selected ? Room::selected : Room::tokens;
}

struct MemoryPlan {
  // Offset of each value in its room: in floats per row, or in floats for a table. Aliases share
  // one.
  std::vector<int64_t> offsets;
  std::array<int64_t, kRooms> widths{};  // total of each room, in the same units
};

// The start and the rows of each room of an arena, for given numbers of tokens.
class Arena {
 public:
  Arena() = default;
  Arena(const MemoryPlan& plan, int64_t tokens, int64_t selected);

  int64_t size() const { return size_; }
  // The index in the arena of the first float of a value.
  int64_t at(ValueKind kind, int64_t offset) const {
    const size_t room = static_cast<size_t>(room_of(kind));
    return begins_[room] + offset * rows_[room];
  }

 private:
  std::array<int64_t, kRooms> begins_{}, rows_{};
  int64_t size_ = 0;
};

// Plans the memory of values. Values share memory when their lives do not overlap. A value lives
// from the op that writes it to the last op that reads it; a value of `to_the_end` (read by
// backward or by the caller) lives to the end.
MemoryPlan plan_memory(const std::vector<ValueInfo>& values,
                       const std::vector<std::unique_ptr<Op>>& ops,
                       const std::vector<int>& to_the_end);

struct GradientPlan : MemoryPlan {
  // Per op: the values whose gradients start, at 0, right before its backward.
  std::vector<std::vector<int>> begins;
};

// Plans the memory of gradients, which live backwards: from the backward of the last op that reads
// the value to that of the op that writes it. Gradients of `losses` live from the very start, where
// the caller fills them. Only the ops marked in `needed` run. Values that only backward reads have
// no gradient.
GradientPlan plan_gradients(const std::vector<ValueInfo>& values,
                            const std::vector<std::unique_ptr<Op>>& ops,
                            const std::vector<uint8_t>& needed, const std::vector<int>& losses);

}  // namespace sinter
