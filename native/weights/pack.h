// A pack: a weight alone, or several weights that run as one matrix (query, key and value), in the
// forms that operations read. The rows of its weights are stacked in one block of memory, so that
// one product reads them all. A ready pack that no training changes keeps a matrix only in the form
// that its storage multiplies (a tied weight in both forms), and shares its blocks with every equal
// pack of the process. A trained pack shares nothing and keeps the plain values as well.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "base/cancel.h"
#include "base/team.h"
#include "weights/blocks.h"
#include "weights/storage.h"
#include "weights/weight_spec.h"

namespace sinter {

class Weight;

// The origin of a weight that is not written: another weight, in any storage.
struct WeightSource {
  std::shared_ptr<Weight> weight;
  // The rows and columns of that weight to keep, in increasing order; empty: all.
  std::vector<int32_t> rows, columns;
  // Column c of the kept columns is divided by divisor[c]; empty: no division.
  std::vector<float> divisor;

  bool whole() const { return rows.empty() && columns.empty(); }
  int64_t row(int64_t i) const { return rows.empty() ? i : rows[static_cast<size_t>(i)]; }
};

struct PackMember {
  uint64_t weight = 0;  // Weight::id
  WeightSpec spec;
  int64_t row = 0;                              // its first row in the pack
  std::array<int64_t, kMaxParts> written = {};  // bytes written so far, per part
  WeightSource source;  // until the pack is ready; without a weight it is written

  bool whole() const;
};

struct Pack {
  std::vector<PackMember> members;  // in stacking order
  int64_t rows = 0, width = 1;      // vectors have width 1
  const Storage* storage = &storage_f32();
  int uses = 0;             // of PackUse
  int activation_bits = 8;  // width of the codes that the product quantizes its input to
  bool trained = false;     // an optimizer changes the values
  // Per part, the rows in the form of the storage. Packing may drop the first part.
  std::array<WeightArray<uint8_t>, kMaxParts> parts;
  WeightArray<float> values;           // the first part as floats, where it is f32 and alone
  WeightArray<uint8_t> packed;         // the form that products read
  WeightArray<int32_t> sums;           // [rows], where the storage needs sums
  WeightArray<float> packed_backward;  // panels of W, for dx = dy W
  WeightBlock plain_block;             // holds the parts, except
  AlignedBuffer<uint8_t> plain;        // the first part of a pure matrix, until packed
  WeightBlock packed_block;            // of the packed form that products read
  WeightBlock backward_block;          // of packed_backward
  bool begun = false;                  // make_ready has begun
  std::atomic<bool> ready{false};      // checked and in its final form, no longer written

  bool used_as(PackUse use) const { return (uses & static_cast<int>(use)) != 0; }
  bool matrix() const { return used_as(PackUse::matrix); }
  // Whether some operation reads rows as they are. A pure matrix needs only its packed form.
  bool plain_read() const {
    return (uses & ~static_cast<int>(PackUse::backward)) != static_cast<int>(PackUse::matrix);
  }
  bool backward() const { return matrix() && (trained || used_as(PackUse::backward)); }
  // Whether every operation that reads `other` could read this pack instead.
  bool covers(const Pack& other) const;

  void add_member(const WeightSpec& spec);
  // Throws Error(INTERNAL) for a use that the storage does not allow.
  void check_uses() const;
  // Size of the blocks in bytes, which allocate() takes from the pages of a program.
  int64_t block_bytes();
  void allocate(WeightPages& pages);
  bool allocated() const { return allocated_; }

  // Writes elements to a part of member `index`. They must come in order: Error(INTERNAL) when
  // `offset` is not the next element. Floats are widened where the part is f32.
  void write(size_t index, size_t part, int64_t offset, const ElementType& type,
             const uint8_t* bytes, int64_t size);
  // Whether every member is written whole or has a source to take its values from.
  bool complete() const;
  // Takes the values of sources, checks that all values are finite (CORRUPT_MODEL names the
  // weight), packs and shares the blocks. After an error the pack is unusable.
  void make_ready(Team& team, const Cancel& cancel);
  // Packs a trained matrix again after its values have changed. Cannot fail.
  void repack(Team& team);

  // Read rows [begin, end) as f32, or part by part as stored. Any thread, once the pack is ready.
  void read(int64_t begin, int64_t end, float* to) const;
  void read_parts(int64_t begin, int64_t end, const PartRows& to) const;

  int64_t bytes() const;

 private:
  bool allocated_ = false;

  // The address of row `row` in every part; nullptr for a dropped part.
  ConstPartRows part_rows(int64_t row) const;
  PartRows writable_rows(int64_t row);
  bool keeps(size_t part) const { return part > 0 || trained || storage->keeps_plain(*this); }
  // Lay out the arrays in the block at `base` and return its bytes; with nullptr they only count.
  int64_t place_parts(uint8_t* base);
  int64_t place_packed(uint8_t* base);
  int64_t place_backward(uint8_t* base);
  void set_values();
  void check_writable(const PackMember& member, size_t part, int64_t begin, int64_t bytes) const;
  void fill(PackMember& member, Team& team, const Cancel& cancel);
  void check_finite(Team& team) const;
  void share(Team& team);
};

}  // namespace sinter
