// How the numbers of a weight are stored: one row of storages.inc, and one file of storages/, for
// each way. The rule: nothing outside of its file knows which storage a weight has; what differs is
// asked of the storage. A weight consists of parts (numbers or codes, scales, zero points), arrays
// that have some elements for every row of it; so weights are stacked, cut and copied by rows.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/team.h"
#include "kernels/embedding/embedding.h"
#include "weights/element_type.h"
#include "weights/products.h"

namespace sinter {

struct Pack;

// What a pack is to the operations that read it, several at once where weights are tied: the table
// of the token ids is also the matrix of a masked LM's decoder. `vector`: its f32 values, as they
// are. `backward`: a matrix whose product passes gradients on to its input.
enum class PackUse : int { matrix = 1, table = 2, vector = 4, backward = 8 };

inline constexpr size_t kMaxParts = 3;

struct StoragePart {
  const char* name;  // "": the weight's own
  const ElementType* type;
  int64_t (*row_elements)(int64_t width);

  int64_t row_bytes(int64_t width) const { return row_elements(width) * type->bytes; }
};

// The same row in every part.
using PartRows = std::array<uint8_t*, kMaxParts>;
using ConstPartRows = std::array<const uint8_t*, kMaxParts>;

// Of the form that a storage multiplies by, where that is not the plain one.
struct PackedSizes {
  int64_t bytes = 0;
  int64_t sums = 0;             // int32
  int64_t backward_floats = 0;  // panels of W, for dx = dy W
};

class Storage {
 public:
  virtual const char* name() const = 0;
  // At most kMaxParts; the first one is named "".
  virtual std::span<const StoragePart> parts() const = 0;

  virtual bool allows(PackUse use) const { return use == PackUse::matrix || use == PackUse::table; }
  // An optimizer may change it, and its product passes gradients on.
  virtual bool trainable() const { return false; }
  // Its product quantizes the input, which may be equalized first.
  virtual bool quantizes_input() const { return false; }
  // What is wrong with a weight of this width as a matrix or a table; nullptr: nothing.
  virtual const char* refuses(int64_t /*width*/, bool /*matrix*/) const { return nullptr; }

  // Its rows are f32 as they are.
  virtual bool is_f32() const { return false; }
  // Rows of a weight to f32, and from f32.
  virtual void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const = 0;
  virtual void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const = 0;

  // The form that products read. Without one they read the parts.
  virtual PackedSizes packed_sizes(const Pack&) const { return {}; }
  virtual void pack(Pack&, Team&) const {}
  // The pack keeps its first part once it is packed; without it `unpack` gives rows [begin, end).
  virtual bool keeps_plain(const Pack&) const { return true; }
  virtual void unpack(const Pack&, int64_t /*begin*/, int64_t /*end*/, uint8_t* /*to*/) const {}

  // Default: blocks of rows are widened to f32 while they are multiplied.
  virtual void multiply(Lanes& lanes, const Pack& pack, const Product& product) const;
  // Whether the lookup kernels read it, and how; otherwise they are given rows that were widened.
  virtual bool find_table(const Pack&, EmbeddingTable&) const { return false; }

 protected:
  ~Storage() = default;
};

// In the order of storages.inc.
std::span<const Storage* const> all_storages();
// nullptr: there is no such storage.
const Storage* find_storage(const std::string& name);
// Its place in the list.
int storage_index(const Storage& storage);

#define SINTER_STORAGE(name) const Storage& storage_##name();
#include "weights/storages.inc"
#undef SINTER_STORAGE

}  // namespace sinter
