// The memory of weights. A program takes pages for all of its groups at once, so that they lie
// together on large pages. A sealed block of a group that no training will change is held once per
// process, by all programs that load it. The rule: blocks are shared only when all of their bytes
// compare equal; a hash only finds the candidate.
#pragma once

#include <cstdint>
#include <memory>

#include "base/team.h"

namespace sinter {

// The memory of one group. When its last owner ends, its pages go back to the system.
using WeightBlock = std::shared_ptr<uint8_t>;

// A view of elements inside a WeightBlock, or inside the plain form of a group before seal.
template <typename T>
class WeightArray {
 public:
  WeightArray() = default;
  WeightArray(T* data, int64_t size) : data_(data), size_(size) {}

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  bool empty() const { return size_ == 0; }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
};

// The pages that the blocks of one program are cut from.
class WeightPages {
 public:
  // Maps `bytes` bytes or throws Error(OUT_OF_MEMORY). Pages become resident when they are written
  // to.
  explicit WeightPages(int64_t bytes);
  // Cuts off the next block, zeroed and 64-byte aligned. All blocks together fit the bytes of the
  // constructor.
  WeightBlock take(int64_t bytes);

 private:
  std::shared_ptr<uint8_t> pages_;
  int64_t left_ = 0;
  int64_t offset_ = 0;
};

// The properties that two blocks must share, besides all bytes, to be the same block.
struct BlockShape {
  int64_t rows = 0, width = 0, bytes = 0;
  int form = 0;  // how the bytes are read: a number that the caller chooses
  bool operator==(const BlockShape&) const = default;
};

// Returns the block of the process that equals `block`: an earlier one, or `block` itself, which
// later calls then find. From now on nobody may write to it. Any thread.
WeightBlock share_block(WeightBlock block, const BlockShape& shape, Team& team);

// Removes ended blocks from the list. Every caller that may have ended some calls it. Any thread.
void forget_ended_blocks();

// Bytes of all blocks in the process, shared ones counted once. Any thread.
int64_t weight_bytes_in_process();

}  // namespace sinter
