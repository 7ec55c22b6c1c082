// Weights that run as one matrix (query, key and value), or a weight alone, in the forms that
// operations read. Their rows are stacked in one block of memory, so that one product reads them. A
// ready pack that no training changes holds each matrix only in the form that its storage
// multiplies (a tied one in both forms) and shares its blocks with every pack of the process that
// has the same; a trained one shares nothing and keeps the plain values as well.
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

// Where the numbers of a weight come from that nobody writes: another weight, in any storage.
struct WeightSource {
  std::shared_ptr<Weight> weight;
  // The rows and columns that are left of it, in increasing order; empty: all.
  std::vector<int32_t> rows, columns;
  // Column c of these is divided by divisor[c]; empty: no division.
  std::vector<float> divisor;

  bool whole() const { return rows.empty() && columns.empty(); }
  int64_t row(int64_t i) const { return rows.empty() ? i : rows[static_cast<size_t>(i)]; }
};

struct PackMember {
  uint64_t weight = 0;  // Weight::id
  WeightSpec spec;
  int64_t row = 0;                              // its first one in the pack
  std::array<int64_t, kMaxParts> written = {};  // bytes of each part so far
  WeightSource source;  // until the pack is ready; without a weight: it is written

  bool whole() const;
};

struct Pack {
  std::vector<PackMember> members;  // in stacking order
  int64_t rows = 0, width = 1;      // vectors have width 1
  const Storage* storage = &storage_f32();
  int uses = 0;             // of PackUse
  int activation_bits = 8;  // of the codes that a matrix is packed for whose input is quantized
  bool trained = false;     // an optimizer changes the values
  // Rows of the weight as its storage has them; the first may be ended by packing.
  std::array<WeightArray<uint8_t>, kMaxParts> parts;
  WeightArray<float> values;           // the first part, where that is all and f32
  WeightArray<uint8_t> packed;         // in the storage's own form
  WeightArray<int32_t> sums;           // [rows], of the storage
  WeightArray<float> packed_backward;  // panels of W, for dx = dy W
  WeightBlock plain_block;             // of the parts but
  AlignedBuffer<uint8_t> plain;        // the first one of a mere matrix until it is packed
  WeightBlock packed_block;            // of the packed form
  bool begun = false;                  // make_ready was called
  std::atomic<bool> ready{false};      // checked and in its last form: it is not written to again

  bool used_as(PackUse use) const { return (uses & static_cast<int>(use)) != 0; }
  bool matrix() const { return used_as(PackUse::matrix); }
  // Something reads its rows as they are: a matrix alone needs only its packed form.
  bool plain_read() const {
    return (uses & ~static_cast<int>(PackUse::backward)) != static_cast<int>(PackUse::matrix);
  }
  bool backward() const { return matrix() && (trained || used_as(PackUse::backward)); }
  // Every operation that reads `other` could read this instead.
  bool covers(const Pack& other) const;

  void add_member(const WeightSpec& spec);
  // Error(INTERNAL) for uses that the storage has no form for.
  void check_uses() const;
  // Bytes of the blocks; allocate() takes them from the pages of a program.
  int64_t block_bytes();
  void allocate(WeightPages& pages);
  bool allocated() const { return allocated_; }

  // Elements of a part of member `index`, in order, from `offset` on: Error(INTERNAL) otherwise.
  // Floats are widened where the part is f32.
  void write(size_t index, size_t part, int64_t offset, const ElementType& type,
             const uint8_t* bytes, int64_t size);
  // Written whole, or with a source to take the rest from.
  bool complete() const;
  // Takes what comes from other weights, checks that all of it is finite (CORRUPT_MODEL names the
  // weight), packs it and shares the blocks. When it fails the pack is of no use.
  void make_ready(Team& team, const Cancel& cancel);
  // Packs a trained matrix anew after its values changed. Cannot fail.
  void repack(Team& team);

  // Rows [begin, end) as f32, or as they are stored; any thread, once it is ready.
  void read(int64_t begin, int64_t end, float* to) const;
  void read_parts(int64_t begin, int64_t end, const PartRows& to) const;

  int64_t bytes() const;

 private:
  bool allocated_ = false;

  // Row `row` in every part; nullptr where the part was ended.
  ConstPartRows part_rows(int64_t row) const;
  PartRows writable_rows(int64_t row);
  bool keeps(size_t part) const { return part > 0 || trained || storage->keeps_plain(*this); }
  // Lay the arrays into the blocks at `base` and give the bytes; nullptr: only count.
  int64_t place_parts(uint8_t* base);
  int64_t place_packed(uint8_t* base);
  void set_values();
  void check_writable(const PackMember& member, size_t part, int64_t begin, int64_t bytes) const;
  void fill(PackMember& member, Team& team, const Cancel& cancel);
  void check_finite(Team& team) const;
  void share(Team& team);
};

}  // namespace sinter
