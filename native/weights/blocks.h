// The memory of weights. A program takes pages for all of its groups at once, so that they lie
// together on large pages; the sealed block of a group that no training will change is held once
// per process, whoever loads it. The rule: equal means equal bytes, compared; a hash only finds the
// candidate.
#pragma once

#include <cstdint>
#include <memory>

#include "base/team.h"

namespace sinter {

// Owns the bytes of one group; the last owner gives their pages back.
using WeightBlock = std::shared_ptr<uint8_t>;

// Elements that a WeightBlock, or the plain form of a group before seal, owns.
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

// Room for the blocks of one program.
class WeightPages {
 public:
  // Error(OUT_OF_MEMORY). Pages become resident when they are written to.
  explicit WeightPages(int64_t bytes);
  // The next block, zeroed, on a 64-byte border; together at most the bytes of the constructor.
  WeightBlock take(int64_t bytes);

 private:
  std::shared_ptr<uint8_t> pages_;
  int64_t left_ = 0;
  int64_t offset_ = 0;
};

// What must agree, besides all bytes, for two blocks to be the same.
struct BlockShape {
  int64_t rows = 0, width = 0, bytes = 0;
  int form = 0;  // how the bytes are read: the caller's number
  bool operator==(const BlockShape&) const = default;
};

// The block of the process that equals `block`: an older one, or `block` itself, which others find
// from now on. From here on nobody may write to it. Any thread.
WeightBlock share_block(WeightBlock block, const BlockShape& shape, Team& team);

// Drops what is left of blocks that have ended; whoever may have ended some calls it. Any thread.
void forget_ended_blocks();

// Bytes of all blocks that exist in the process, each counted once. Any thread.
int64_t weight_bytes_in_process();

}  // namespace sinter
