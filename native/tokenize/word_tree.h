// The words of a vocabulary by their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sinter {

// A tree of the words' bytes. Its edges are in one hash table, because most nodes have few.
class WordTree {
 public:
  static constexpr uint32_t kNone = UINT32_MAX, kRoot = 0;

  struct Step {
    uint32_t node = kNone;  // kNone: no word goes on so
    int32_t id = -1;        // of the word that ends here; -1: none does
  };

  // Throws INVALID_DATA for more bytes than nodes can be numbered.
  explicit WordTree(const std::vector<std::string_view>& words);
  Step next(uint32_t node, uint8_t byte) const {
    const Edge& edge = edges_[place(node << 8 | byte)];
    return edge.key == kNone ? Step{} : edge.to;
  }
  // The node of a prefix; kNone where no word begins so.
  uint32_t find(std::string_view prefix) const;

 private:
  struct Edge {
    uint32_t key = kNone;
    Step to;
  };
  // Where an edge is, or would be.
  size_t place(uint32_t key) const {
    size_t at = key * 0x9e3779b1u >> shift_;
    while (edges_[at].key != key && edges_[at].key != kNone) at = (at + 1) & (edges_.size() - 1);
    return at;
  }
  void make_room(size_t edges);
  void add(std::string_view word, int32_t id);

  std::vector<Edge> edges_;
  size_t used_ = 0;
  int shift_ = 0;
};

}  // namespace sinter
