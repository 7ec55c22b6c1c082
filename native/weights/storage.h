// A storage is the way in which the numbers of a weight are held: a row of storages.inc and a file
// of storages/. The rule: only that file knows the storage; all other code calls the methods of
// Storage. A weight consists of parts (numbers or codes, scales, zero points), arrays with a fixed
// number of elements per row of the weight, so weights are stacked, cut and copied by rows.
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

// The uses of a pack by operations. A tied weight has several: the table of the token ids is also
// the matrix of a masked LM's decoder. `vector`: its f32 values are read as they are. `backward`: a
// matrix whose product passes gradients on to its input.
enum class PackUse : int { matrix = 1, table = 2, vector = 4, backward = 8 };

inline constexpr size_t kMaxParts = 3;

struct StoragePart {
  const char* name;  // "" for the first part, the numbers or codes themselves
  const ElementType* type;
  int64_t (*row_elements)(int64_t width);

  int64_t row_bytes(int64_t width) const { return row_elements(width) * type->bytes; }
};

// The address of one row in every part.
using PartRows = std::array<uint8_t*, kMaxParts>;
using ConstPartRows = std::array<const uint8_t*, kMaxParts>;

// Sizes of the packed form, which the products of a storage read; all 0 where they read the parts.
struct PackedSizes {
  int64_t bytes = 0;
  int64_t sums = 0;             // int32
  int64_t backward_floats = 0;  // panels of W, for dx = dy W
};

class Storage {
 public:
  virtual const char* name() const = 0;
  // The parts, at most kMaxParts; the first one is named "".
  virtual std::span<const StoragePart> parts() const = 0;

  virtual bool allows(PackUse use) const { return use == PackUse::matrix || use == PackUse::table; }
  // Whether an optimizer may change the weight and its product may pass gradients on.
  virtual bool trainable() const { return false; }
  // Whether its product quantizes the input, which may be equalized first.
  virtual bool quantizes_input() const { return false; }
  // Why a weight of this width cannot be a matrix or a table, in words; nullptr when it can.
  virtual const char* refuses(int64_t /*width*/, bool /*matrix*/) const { return nullptr; }

  // Whether its rows are plain f32.
  virtual bool is_f32() const { return false; }
  // Convert rows of a weight to f32 and from f32.
  virtual void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const = 0;
  virtual void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const = 0;

  // Make the packed form of a matrix, which products read. By default there is none and products
  // read the parts.
  virtual PackedSizes packed_sizes(const Pack&) const { return {}; }
  virtual void pack(Pack&, Team&) const {}
  // Whether the pack keeps its first part once it is packed. If not, `unpack` restores rows [begin,
  // end) of it.
  virtual bool keeps_plain(const Pack&) const { return true; }
  virtual void unpack(const Pack&, int64_t /*begin*/, int64_t /*end*/, uint8_t* /*to*/) const {}

  // The product with a pack. By default blocks of rows are widened to f32 while they are
  // multiplied.
  virtual void multiply(Lanes& lanes, const Pack& pack, const Product& product) const;
  // Fills `table` for the lookup kernels and returns true. When it returns false, the caller gives
  // the kernels widened rows instead.
  virtual bool find_table(const Pack&, EmbeddingTable&) const { return false; }

 protected:
  ~Storage() = default;
};

// All storages, in the order of storages.inc.
std::span<const Storage* const> all_storages();
// The storage called `name`, or nullptr.
const Storage* find_storage(const std::string& name);
// The index of a storage in all_storages().
int storage_index(const Storage& storage);

#define SINTER_STORAGE(name) const Storage& storage_##name();
#include "weights/storages.inc"
#undef SINTER_STORAGE

}  // namespace sinter
