// Memory mapped from the system, for large blocks: freeing it returns it to the system at once, and
// weights can lie on 2 MB pages where the system has them.
#pragma once

#include <cstddef>

namespace sinter {

// Maps zeroed memory; nullptr when the system has none. From 2 MB on it is aligned to 2 MB, except
// on Windows, which makes no large pages by itself. Pages become resident when they are touched.
// Only whole 2 MB parts ask for large pages, so resident memory exceeds `bytes` by less than a
// small page.
void* map_pages(size_t bytes);
// Unmaps memory of map_pages; `pages` and `bytes` are those of that call.
void unmap_pages(void* pages, size_t bytes) noexcept;
// Returns the whole pages inside [begin, begin + bytes) to the system; their contents become
// undefined.
void discard_pages(void* begin, size_t bytes) noexcept;

}  // namespace sinter
