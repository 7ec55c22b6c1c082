// A piece is read into memory that stays in the cache and copied from there, since the weight may
// be held in another type than the file's.
#include "weights/file_part.h"

#include <algorithm>
#include <cerrno>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace sinter {
namespace {

// Whole elements of every type.
constexpr int64_t kPiece = int64_t{1} << 18;

#ifndef _WIN32
bool read_whole(int file, int64_t position, int64_t bytes, uint8_t* to) {
  while (bytes > 0) {
    const ssize_t done =
        ::pread(file, to, static_cast<size_t>(bytes), static_cast<off_t>(position));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    to += done;
    position += done;
    bytes -= done;
  }
  return true;
}
#endif

}  // namespace

#ifdef _WIN32
bool can_read_files() { return false; }
int duplicate_file(int) { return -1; }
void close_file(int) {}
bool write_from_file(WeightStore&, const FilePart&, std::vector<uint8_t>&) { return false; }
#else
bool can_read_files() { return true; }
int duplicate_file(int file) { return ::dup(file); }
void close_file(int file) { ::close(file); }

bool write_from_file(WeightStore& store, const FilePart& part, std::vector<uint8_t>& buffer) {
  buffer.resize(static_cast<size_t>(kPiece));
  const size_t member = store.at(part.weight)->member;
  Pack& home = store.home_of(part.weight);
  for (int64_t done = 0; done < part.bytes; done += kPiece) {
    const int64_t size = std::min(kPiece, part.bytes - done);
    if (!read_whole(part.file, part.position + done, size, buffer.data())) return false;
    home.write(member, part.part, part.offset + done / part.type->bytes, *part.type, buffer.data(),
               size);
  }
  return true;
}
#endif

}  // namespace sinter
