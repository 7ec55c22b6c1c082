// AlignedBuffer: memory on a 64-byte boundary, for arenas, gradients and scratch. Its contents
// start undefined. A large block is mapped from the system as pages of its own, because the heap
// would keep its memory after it was freed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

#include "base/errors.h"
#include "base/pages.h"

namespace sinter {

inline constexpr size_t kAlignment = 64;

// A block of at least this many bytes is mapped as pages of its own. Sanitizer builds use the heap
// only: they detect accesses outside a heap block, but not outside mapped pages.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr size_t kPagesFrom = SIZE_MAX;
#else
inline constexpr size_t kPagesFrom = size_t{256} << 10;
#endif

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t size) : size_(size) {
    if (size == 0) return;
    const size_t bytes = storage_bytes();
    data_ = static_cast<T*>(
        bytes >= kPagesFrom ? map_pages(bytes)
                            : ::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow));
    if (data_ == nullptr) {
      throw Error(ErrorCode::OUT_OF_MEMORY, "wanted " + std::to_string(bytes) + " bytes");
    }
  }
  // Zeros. Pages are zero already, and become resident on the thread that touches them first.
  static AlignedBuffer zeroed(int64_t size) {
    AlignedBuffer buffer(size);
    if (size > 0 && buffer.storage_bytes() < kPagesFrom) std::fill_n(buffer.data_, size, T{});
    return buffer;
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { reset_storage(); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(sizeof(T)); }
  bool empty() const { return size_ == 0; }

  void clear() { *this = AlignedBuffer(); }

  // Makes room for at least `size` elements; old contents are lost when the buffer grows.
  T* reserve(int64_t size) {
    if (size > size_) {
      clear();
      *this = AlignedBuffer(size);
    }
    return data_;
  }

 private:
  size_t storage_bytes() const {
    return (static_cast<size_t>(size_) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
  }

  void reset_storage() {
    if (data_ == nullptr) return;
    if (storage_bytes() >= kPagesFrom) {
      unmap_pages(data_, storage_bytes());
    } else {
      ::operator delete(data_, std::align_val_t{kAlignment});
    }
    data_ = nullptr;
  }

  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace sinter
