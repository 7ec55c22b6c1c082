// Runs of code points, in order, and the search in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace sinter {

struct CodeRange {
  uint32_t first, last;
};

template <size_t N>
bool is_in(const CodeRange (&ranges)[N], uint32_t code) {
  const auto after = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                      [](uint32_t c, const CodeRange& r) { return c < r.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

}  // namespace sinter
