// The table of edges grows with the words; a node is numbered by the edge that leads to it.
#include "tokenize/word_tree.h"

#include "base/errors.h"

namespace sinter {
namespace {

// Node numbers take 24 bits of a key, and the number behind the last one must not be a key's.
constexpr size_t kMostNodes = (size_t{1} << 24) - 1;

size_t bytes_of(const std::vector<std::string_view>& words) {
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  return bytes;
}

}  // namespace

WordTree::WordTree(const std::vector<std::string_view>& words) {
  if (bytes_of(words) >= kMostNodes)
    throw Error(ErrorCode::INVALID_DATA, "the words of a vocabulary have too many bytes");
  make_room(words.size());
  for (size_t id = 0; id < words.size(); ++id) add(words[id], static_cast<int32_t>(id));
}

// At least half of the table stays empty, so that what is missing is found to be so after few
// steps.
void WordTree::make_room(size_t edges) {
  int bits = 4;
  while ((size_t{1} << bits) < 2 * edges) ++bits;
  std::vector<Edge> old(size_t{1} << bits);
  old.swap(edges_);
  shift_ = 32 - bits;
  for (const Edge& edge : old)
    if (edge.key != kNone) edges_[place(edge.key)] = edge;
}

void WordTree::add(std::string_view word, int32_t id) {
  uint32_t node = kRoot;
  Edge* edge = nullptr;
  for (const char byte : word) {
    const uint32_t key = node << 8 | static_cast<uint8_t>(byte);
    edge = &edges_[place(key)];
    if (edge->key == kNone) {
      if (2 * (used_ + 1) > edges_.size()) {
        make_room(2 * used_);
        edge = &edges_[place(key)];
      }
      edge->key = key;
      edge->to.node = static_cast<uint32_t>(++used_);
    }
    node = edge->to.node;
  }
  if (edge != nullptr) edge->to.id = id;
}

uint32_t WordTree::find(std::string_view prefix) const {
  uint32_t node = kRoot;
  for (const char byte : prefix) {
    node = next(node, static_cast<uint8_t>(byte)).node;
    if (node == kNone) return kNone;
  }
  return node;
}

}  // namespace sinter
