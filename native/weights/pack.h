// Weights that run as one matrix (query, key and value), or a weight alone, in the forms that
// operations read. Their rows are stacked in one block of memory, so that one product reads them. A
// ready pack that no training changes holds each matrix only in the packed form of the active
// kernels (a tied one in both forms) and shares its block with every pack of the process that has
// the same; a trained one shares nothing and keeps the plain values as well.
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
#include "weights/weight_spec.h"

namespace sinter {

class Weight;

// What a pack is to the operations that read it, several at once where weights are tied: the table
// of the token ids is also the matrix of a masked LM's decoder.
// `backward`: a matrix whose product passes gradients on to its input.
enum class PackUse : int { matrix = 1, table = 2, vector = 4, backward = 8 };

// Where the numbers of a weight come from that nobody writes: another weight, in any storage.
struct WeightSource {
  std::shared_ptr<Weight> weight;
  // Column c is divided by divisor[c] first; empty: no division.
  std::vector<float> divisor;
};

struct PackMember {
  uint64_t weight = 0;  // Weight::id
  WeightSpec spec;
  int64_t row = 0;      // its first one in the pack
  int64_t written = 0;  // elements so far
  bool scales_written = false;
  WeightSource source;  // until the pack is ready; without a weight: it is written

  bool whole(WeightDtype dtype) const {
    return written == spec.elements() && (dtype != WeightDtype::s8 || scales_written);
  }
};

struct Pack {
  std::vector<PackMember> members;  // in stacking order
  int64_t rows = 0, width = 1;      // vectors have width 1
  WeightDtype dtype = WeightDtype::f32;
  int uses = 0;                        // of PackUse
  int activation_bits = 8;             // of the codes that an s8 matrix is packed for
  bool trained = false;                // an optimizer changes the values
  WeightArray<float> values;           // [rows, width] f32; ended by packing unless it is trained
  WeightArray<uint16_t> halves;        // [rows, width] f16, instead of values
  WeightArray<int8_t> codes;           // [rows, width] s8; ended by packing
  WeightArray<float> scales;           // [rows], s8 only
  WeightArray<int32_t> sums;           // [rows] sums of codes, s8 matrices only
  WeightArray<float> packed;           // f32 matrix: panels of W^T, for y = x W^T
  WeightArray<float> packed_backward;  // f32 matrix: panels of W, for dx = dy W
  WeightArray<uint8_t> packed_codes;   // s8 matrix
  WeightBlock block;                   // of all of these but
  AlignedBuffer<uint8_t> plain;        // values or codes of a mere matrix until it is packed
  bool begun = false;                  // make_ready was called
  std::atomic<bool> ready{false};      // checked and in its last form: it is not written to again

  bool matrix() const { return (uses & static_cast<int>(PackUse::matrix)) != 0; }
  // Something reads its rows as they are: a matrix alone needs only its packed form.
  bool plain_read() const {
    return (uses & ~static_cast<int>(PackUse::backward)) != static_cast<int>(PackUse::matrix);
  }
  bool backward() const {
    return matrix() && (trained || (uses & static_cast<int>(PackUse::backward)) != 0);
  }
  // Every operation that reads `other` could read this instead.
  bool covers(const Pack& other) const;

  void add_member(const WeightSpec& spec);
  // Error(INTERNAL) for uses that the storage has no form for.
  void check_uses() const;
  // Bytes of the block; allocate() takes it from the pages of a program.
  int64_t block_bytes();
  void allocate(WeightPages& pages);

  // Elements of member `index`, in order: Error(INTERNAL) otherwise.
  void write(size_t index, int64_t offset, const float* values, int64_t count);
  void write_halves(size_t index, int64_t offset, const uint8_t* halves, int64_t count);
  void write_codes(size_t index, int64_t offset, const int8_t* codes, int64_t count);
  void write_scales(size_t index, const float* scales, int64_t count);
  // Written whole, or with a source to take the rest from.
  bool complete() const;
  // Takes what comes from other weights, checks that all of it is finite (CORRUPT_MODEL names the
  // weight), packs it and shares the block. When it fails the pack is of no use.
  void make_ready(Team& team, const Cancel& cancel);
  // Packs a trained matrix anew after its values changed. Cannot fail.
  void repack(Team& team);

  // Rows [begin, end) of the pack as f32, whatever they are stored as; any thread, once it is
  // ready.
  void read(int64_t begin, int64_t end, float* values) const;
  void read_halves(int64_t begin, int64_t end, uint16_t* halves) const;
  void read_codes(int64_t begin, int64_t end, int8_t* codes, float* scales) const;

  int64_t bytes() const;

 private:
  // Lays the arrays into the block at `base` and gives the bytes; nullptr: only counts.
  int64_t place_arrays(uint8_t* base);
  void check_writable(const PackMember& member, WeightDtype dtype, int64_t offset,
                      int64_t count) const;
  // `array`: of the pack, with elements of `size` bytes.
  void write_elements(size_t index, WeightDtype as, int64_t offset, const void* from, int64_t count,
                      void* array, size_t size);
  void fill(PackMember& member, Team& team, const Cancel& cancel);
  void check_finite(Team& team) const;
  void pack_matrix(Team& team);
};

}  // namespace sinter
