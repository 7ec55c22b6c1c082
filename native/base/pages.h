// Memory taken from the system page by page: what large blocks live in, so that freeing them gives
// the memory back at once, and weights lie on 2 MB pages where the system has them.
#pragma once

#include <cstddef>

namespace sinter {

// Zeroed memory, on a 2 MB border from 2 MB on; nullptr when there is none. Pages become resident
// when they are touched. Only whole 2 MB parts ask for large pages: residence never exceeds `bytes`
// by more than a small page.
void* map_pages(size_t bytes);
// `pages` and `bytes` as they were mapped.
void unmap_pages(void* pages, size_t bytes) noexcept;
// Gives back the whole pages inside [begin, begin + bytes); what lay there reads as undefined.
void discard_pages(void* begin, size_t bytes) noexcept;

}  // namespace sinter
