// Page mapping with mmap, where alignment comes from mapping too much and unmapping both ends; on
// Windows with VirtualAlloc.
#include "base/pages.h"

#include <cstdint>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace sinter {

#if defined(_WIN32)

void* map_pages(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void unmap_pages(void* pages, size_t) noexcept { VirtualFree(pages, 0, MEM_RELEASE); }

void discard_pages(void* begin, size_t bytes) noexcept {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  const uintptr_t page = info.dwPageSize, from = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t first = (from + page - 1) / page * page, end = (from + bytes) / page * page;
  if (first < end)
    VirtualAlloc(reinterpret_cast<void*>(first), end - first, MEM_RESET, PAGE_READWRITE);
}

#else

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

#endif

}  // namespace sinter
