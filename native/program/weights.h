// The weights of one program. Weights that run as one matrix (query, key, value) form a group:
// their rows are stacked in one block of memory, so that one product reads them. After seal() an
// inference program holds each matrix only in the packed form of the active kernels (a tied one in
// both forms), and shares blocks with every program of the process that has the same; a trainable
// one shares nothing and keeps the plain values as well, because the optimizer changes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/aligned.h"
#include "base/cancel.h"
#include "base/team.h"
#include "kernels/kernel_set.h"
#include "program/graph_spec.h"
#include "program/weight_blocks.h"

namespace sinter {

// What a group is to the operations that read it, several at once where weights are tied: the table
// of the token ids is also the matrix of a masked LM's decoder.
enum class GroupUse : int { matrix = 1, table = 2, vector = 4 };

struct WeightGroup {
  std::vector<int> members;     // indices into the specs, in stacking order
  int64_t rows = 0, width = 1;  // vectors have width 1
  WeightDtype dtype = WeightDtype::f32;
  int uses = 0;                        // of GroupUse
  int activation_bits = 8;             // of the codes that an s8 matrix is packed for
  bool half = false;                   // a table held as it was stored, in f16
  bool packed_now = false;             // sealed, or on the way: `block` holds it in its last form
  WeightArray<float> values;           // [rows, width] f32; ended by packing unless it is trained
  WeightArray<uint16_t> halves;        // [rows, width] f16, instead of values
  WeightArray<int8_t> codes;           // [rows, width] s8; ended by packing
  WeightArray<float> scales;           // [rows], s8 only
  WeightArray<int32_t> sums;           // [rows] sums of codes, s8 matrices only
  WeightArray<float> packed;           // f32 matrix: panels of W^T, for y = x W^T
  WeightArray<float> packed_backward;  // trainable f32 matrix: panels of W, for dx = dy W
  WeightArray<uint8_t> packed_codes;   // s8 matrix
  WeightBlock block;                   // of all of these but
  AlignedBuffer<uint8_t> plain;        // values or codes of a mere matrix until it is packed

  bool matrix() const { return (uses & static_cast<int>(GroupUse::matrix)) != 0; }
  // Something reads its rows as they are: a matrix alone needs only its packed form.
  bool plain_read() const { return uses != static_cast<int>(GroupUse::matrix); }
};

class Weights {
 public:
  // `halves`: tables that are written and held in f16; a trainable program holds none.
  Weights(std::vector<WeightSpec> specs, bool trainable, std::unordered_set<std::string> halves);
  ~Weights();

  // The group made of these weights, stacked in this order. Made on first use; a weight belongs to
  // one group only, so all of its uses stack it alike. `activation_bits` counts for a matrix.
  // Throws Error(INTERNAL) for unknown names, mixed widths or dtypes: the graph was validated
  // before it came here.
  int group(const std::vector<std::string>& names, GroupUse use, int activation_bits = 8);
  // Every weight is in a group, or Error(INTERNAL); takes the groups' memory.
  void allocate();

  void write(const std::string& name, int64_t offset, const float* values, int64_t count);
  // f16 bit patterns of a weight that is held in f16.
  void write_halves(const std::string& name, int64_t offset, const uint8_t* halves, int64_t count);
  void write_codes(const std::string& name, int64_t offset, const int8_t* codes, int64_t count);
  void write_scales(const std::string& name, const float* scales, int64_t count);
  // Packs the groups that are written whole and not packed yet, each after a check that it is
  // finite (CORRUPT_MODEL names the weight), and shares them. So a program can be filled without
  // ever holding much in two forms.
  void pack(Team& team, const Cancel& cancel);
  // Everything was written, or Error(INTERNAL); packs the rest. Sealed only when all of it worked:
  // a program that ran out of memory here never runs.
  void seal(Team& team, const Cancel& cancel);
  // Packs every matrix anew after a trainer changed its values. Cannot fail.
  void repack(Team& team);

  // Rows [begin, end) of a weight: elements of a vector.
  void read(const std::string& name, int64_t begin, int64_t end, float* values) const;
  void read_halves(const std::string& name, int64_t begin, int64_t end, uint16_t* halves) const;
  void read_codes(const std::string& name, int64_t begin, int64_t end, int8_t* codes,
                  float* scales) const;

  bool held_in_half(const std::string& name) const { return at(place(name).group).half; }
  const WeightSpec& spec(const std::string& name) const;
  int64_t elements(const std::string& name) const;
  int64_t rows(const std::string& name) const;
  // Where a weight lies in its group: the group's index and the first row.
  int group_of(const std::string& name) const { return place(name).group; }
  int64_t first_row(const std::string& name) const { return place(name).row; }

  const WeightGroup& at(int group) const { return groups_[static_cast<size_t>(group)]; }
  WeightGroup& at(int group) { return groups_[static_cast<size_t>(group)]; }
  int group_count() const { return static_cast<int>(groups_.size()); }
  const std::vector<WeightSpec>& specs() const { return specs_; }
  bool trainable() const { return trainable_; }
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  // As of allocate() or the last seal(), shared blocks included; any thread may ask.
  int64_t resident_bytes() const { return resident_bytes_.load(std::memory_order_relaxed); }

 private:
  int stack(const std::vector<std::string>& names);
  [[noreturn]] static void throw_stacked_twice(const std::string& name);

  struct Place {
    int spec = 0;
    int group = -1;
    int64_t row = 0;
    int64_t written = 0;  // elements written so far
    bool scales_written = false;
  };
  Place& place(const std::string& name);
  const Place& place(const std::string& name) const;
  void check_writable(const std::string& name, const Place& place, WeightDtype dtype,
                      int64_t offset, int64_t count) const;
  void check_halves() const;
  bool complete(const WeightGroup& group) const;
  void check_complete() const;
  void check_finite(const WeightGroup& group, Team& team) const;
  // Lays a group's arrays into its block at `base` and gives the bytes; nullptr: only counts.
  int64_t place_arrays(WeightGroup& group, uint8_t* base) const;
  void pack_matrix(WeightGroup& group, Team& team) const;
  void pack_group(WeightGroup& group, Team& team);
  int64_t count_bytes() const;

  std::vector<WeightSpec> specs_;
  std::unordered_map<std::string, Place> places_;
  std::vector<WeightGroup> groups_;
  bool trainable_;
  std::unordered_set<std::string> halves_;
  std::atomic<bool> sealed_{false};
  std::atomic<int64_t> resident_bytes_{0};
};

}  // namespace sinter
