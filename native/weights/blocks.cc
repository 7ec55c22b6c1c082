// Cuts mapped pages into blocks, and keeps the list of shared blocks. The list keeps no block
// alive.
#include "weights/blocks.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/aligned.h"
#include "base/pages.h"

namespace sinter {
namespace {

std::atomic<int64_t> bytes_in_process{0};

int64_t rounded(int64_t bytes) {
  constexpr int64_t kUnit = kAlignment;
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

// Allocates zeroed memory. Sanitizer builds allocate each block alone, because a sanitizer detects
// only accesses outside a heap block; other builds allocate the pages of all blocks at once.
std::shared_ptr<uint8_t> allocate(int64_t bytes) {
  const auto held = std::make_shared<AlignedBuffer<uint8_t>>(bytes);
  // Mapped pages are zeroed already, and touching them here would make them resident.
  if (static_cast<size_t>(bytes) < kPagesFrom)
    std::memset(held->data(), 0, static_cast<size_t>(bytes));
  return {held, held->data()};
}

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 29);
}

// Hashes in four chains, so that the multiplications overlap. `bytes` is a multiple of 64.
uint64_t hash_bytes(const uint8_t* from, int64_t bytes) {
  uint64_t chain[4] = {1, 2, 3, 4};
  for (int64_t i = 0; i < bytes; i += 32) {
    uint64_t words[4];
    std::memcpy(words, from + i, sizeof(words));
    for (int c = 0; c < 4; ++c) chain[c] = mix(chain[c], words[c]);
  }
  return mix(mix(mix(chain[0], chain[1]), chain[2]), chain[3]);
}

// The hash of a block. It is the same on any number of lanes: the pieces have a fixed size and
// their hashes are joined in order.
uint64_t hash_block(const uint8_t* block, int64_t bytes, Team& team) {
  constexpr int64_t kPiece = int64_t{1} << 18;
  std::vector<uint64_t> pieces(static_cast<size_t>((bytes + kPiece - 1) / kPiece));
  team.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t i, int) {
    const int64_t begin = i * kPiece;
    pieces[static_cast<size_t>(i)] = hash_bytes(block + begin, std::min(kPiece, bytes - begin));
  });
  uint64_t hash = static_cast<uint64_t>(bytes);
  for (uint64_t piece : pieces) hash = mix(hash, piece);
  return hash;
}

struct SharedBlock {
  BlockShape shape;
  std::weak_ptr<uint8_t> block;
};

class BlockList {
 public:
  // Returns a listed block that equals `block`; without one lists `block` and returns it.
  WeightBlock find_or_add(uint64_t hash, WeightBlock block, const BlockShape& shape) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [begin, end] = blocks_.equal_range(hash);
    for (auto line = begin; line != end; ++line) {
      const WeightBlock known = line->second.block.lock();
      if (known == nullptr || !(line->second.shape == shape)) continue;
      if (std::memcmp(known.get(), block.get(), static_cast<size_t>(shape.bytes)) == 0)
        return known;
    }
    blocks_.emplace(hash, SharedBlock{shape, block});
    return block;
  }

  void forget_ended() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(blocks_, [](const auto& line) { return line.second.block.expired(); });
  }

 private:
  std::mutex mutex_;
  std::unordered_multimap<uint64_t, SharedBlock> blocks_;
};

BlockList& shared_blocks() {
  // Never destroyed: at process.exit() job threads may still be packing.
  static BlockList& list = *new BlockList;
  return list;
}

}  // namespace

WeightPages::WeightPages(int64_t bytes) : left_(bytes) {
  if (kPagesFrom != SIZE_MAX) pages_ = allocate(bytes);
}

WeightBlock WeightPages::take(int64_t bytes) {
  const int64_t size = rounded(bytes);
  if (size > left_) throw Error(ErrorCode::INTERNAL, "the blocks of a program were miscounted");
  left_ -= size;
  const std::shared_ptr<uint8_t> pages = pages_ == nullptr ? allocate(size) : pages_;
  uint8_t* data = pages_ == nullptr ? pages.get() : pages.get() + offset_;
  offset_ += size;
  bytes_in_process.fetch_add(bytes, std::memory_order_relaxed);
  return {data, [pages, bytes](uint8_t* ended) {
            bytes_in_process.fetch_sub(bytes, std::memory_order_relaxed);
            // Only this block's pages: other blocks of the mapping may live on in another program.
            if (kPagesFrom != SIZE_MAX) discard_pages(ended, static_cast<size_t>(bytes));
          }};
}

WeightBlock share_block(WeightBlock block, const BlockShape& shape, Team& team) {
  const uint64_t hash = hash_block(block.get(), rounded(shape.bytes), team);
  return shared_blocks().find_or_add(hash, std::move(block), shape);
}

void forget_ended_blocks() { shared_blocks().forget_ended(); }

int64_t weight_bytes_in_process() { return bytes_in_process.load(std::memory_order_relaxed); }

}  // namespace sinter
