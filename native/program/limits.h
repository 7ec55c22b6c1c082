// The largest sizes of the parts of a graph; lib/graph/limits.ts has the same numbers and their
// reasons. They keep every product of sizes in a program within int64: 2^14 values of 2^20 columns
// and 2^24 rows are 2^58 floats.
#pragma once

#include <cstdint>

namespace sinter {

constexpr int64_t kMaxNodes = int64_t{1} << 14;
constexpr int64_t kMaxTokensLimit = int64_t{1} << 20;
constexpr int64_t kMaxVocabulary = int64_t{1} << 28;
constexpr int64_t kMaxSegments = int64_t{1} << 10;
constexpr int64_t kMaxTables = 4;
constexpr int64_t kMaxOffset = int64_t{1} << 20;
constexpr int64_t kMaxHeads = int64_t{1} << 16;
constexpr int64_t kMaxWidth = int64_t{1} << 20;
constexpr int64_t kMaxJoined = int64_t{1} << 16;
constexpr int64_t kMaxTableElements = int64_t{1} << 31;
constexpr int64_t kMaxDistance = int64_t{1} << 20;

}  // namespace sinter
