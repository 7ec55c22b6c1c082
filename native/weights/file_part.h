// Weights that are written from a file without passing through JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "weights/store.h"

namespace sinter {

// Elements of a part of a weight, as they lie in a file.
struct FilePart {
  std::string weight;
  size_t part;
  int64_t offset;  // element of the part that the first one becomes
  const ElementType* type;
  int file;
  int64_t position, bytes;  // in the file
};

// Whether this system has what `write_from_file` needs: files of the process that are known by
// number. On Windows such numbers belong to the C library, and Node has one of its own.
bool can_read_files();

// A second number for an open file, which must be closed; -1 where the system has none left.
int duplicate_file(int file);
void close_file(int file);

// Reads the part and writes it to its weight. false where the file ends before it does or can't be
// read. `buffer` is kept for its memory.
bool write_from_file(WeightStore& store, const FilePart& part, std::vector<uint8_t>& buffer);

}  // namespace sinter
