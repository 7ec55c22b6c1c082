// Page mapping with mmap. Alignment comes from mapping too much and unmapping both ends.
#include "base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace sinter {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t page_size() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

uint8_t* map(size_t bytes) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<uint8_t*>(pages);
}

}  // namespace

void* map_pages(size_t bytes) {
  if (bytes > SIZE_MAX - 2 * kLargePage) return nullptr;
  const size_t whole = round_up(bytes, page_size());
  if (whole < kLargePage) return map(whole);
  uint8_t* pages = map(whole + kLargePage);
  if (pages == nullptr) return nullptr;
  const size_t before = (kLargePage - reinterpret_cast<uintptr_t>(pages) % kLargePage) % kLargePage;
  if (before > 0) munmap(pages, before);
  if (before < kLargePage) munmap(pages + before + whole, kLargePage - before);
  pages += before;
#ifdef MADV_HUGEPAGE
  madvise(pages, whole / kLargePage * kLargePage, MADV_HUGEPAGE);  // if refused, pages stay small
#endif
  return pages;
}

void unmap_pages(void* pages, size_t bytes) noexcept {
  munmap(pages, round_up(bytes, page_size()));
}

void discard_pages(void* begin, size_t bytes) noexcept {
  const uintptr_t from = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = round_up(from, page_size());
  const uintptr_t end = (from + bytes) / page_size() * page_size();
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace sinter
