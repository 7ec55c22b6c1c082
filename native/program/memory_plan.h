// Where values and gradients live in an arena. A plan is a pure function of the ops: offsets are in
// floats per (padded) row, so one plan serves every batch size. The arena has a room for values
// with a row per token, one for those with a row per selected token, and one for tables, whose size
// does not depend on the batch. Sequence values use a row per token too: there are never more
// sequences than tokens.
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
  // Per value, in its room: floats per row, or floats of a table; aliases share an offset.
  std::vector<int64_t> offsets;
  std::array<int64_t, kRooms> widths{};  // of each whole room, in the same units
};

// Where the rooms of an arena begin, for some numbers of rows.
class Arena {
 public:
  Arena() = default;
  Arena(const MemoryPlan& plan, int64_t tokens, int64_t selected);

  int64_t size() const { return size_; }
  // The first float of a value.
  int64_t at(ValueKind kind, int64_t offset) const {
    const size_t room = static_cast<size_t>(room_of(kind));
    return begins_[room] + offset * rows_[room];
  }

 private:
  std::array<int64_t, kRooms> begins_{}, rows_{};
  int64_t size_ = 0;
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
// to that of the op that writes it, and the gradients of `losses` from the very start, where the
// caller fills them. Only the ops marked in `needed` run, and values that only backward reads have
// no gradient.
GradientPlan plan_gradients(const std::vector<ValueInfo>& values,
                            const std::vector<std::unique_ptr<Op>>& ops,
                            const std::vector<uint8_t>& needed, const std::vector<int>& losses);

}  // namespace sinter
