// The weights of one program. Weights that run as one matrix (query, key, value) form a group:
// their rows are stacked in one block of memory, so that one product reads them. After seal() an
// inference program holds each matrix only in the packed form of the active kernels; a trainable
// one keeps the plain values as well, because the optimizer changes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/aligned.h"
#include "base/team.h"
#include "kernels/kernel_set.h"
#include "program/graph_spec.h"

namespace sinter {

struct WeightGroup {
  std::vector<int> members;     // indices into the specs, in stacking order
  int64_t rows = 0, width = 1;  // vectors have width 1
  WeightDtype dtype = WeightDtype::f32;
  bool matrix = false;          // read by a linear operation: packed at seal
  AlignedBuffer<float> values;  // [rows, width] f32; freed by seal for a matrix that is not trained
  AlignedBuffer<int8_t> codes;  // [rows, width] s8; freed by seal for a matrix
  AlignedBuffer<float> scales;  // [rows], s8 only
  AlignedBuffer<int32_t> sums;  // [rows] sums of codes, s8 matrices only
  AlignedBuffer<float> packed;  // f32 matrix: panels of W^T, for y = x W^T
  AlignedBuffer<float> packed_backward;  // trainable f32 matrix: panels of W, for dx = dy W
  AlignedBuffer<uint8_t> packed_codes;   // s8 matrix
};

class Weights {
 public:
  Weights(std::vector<WeightSpec> specs, bool trainable);

  // The group made of these weights, stacked in this order. Made on first use; a weight belongs to
  // one group only. Throws Error(INTERNAL) for unknown names, mixed widths or dtypes: the graph was
  // validated before it came here.
  int group(const std::vector<std::string>& names, bool matrix);
  // Every weight is in a group, or Error(INTERNAL); allocates the groups' memory.
  void allocate();

  void write(const std::string& name, int64_t offset, const float* values, int64_t count);
  void write_codes(const std::string& name, int64_t offset, const int8_t* codes, int64_t count);
  void write_scales(const std::string& name, const float* scales, int64_t count);
  // Checks that everything was written and is finite (CORRUPT_MODEL names the weight), then packs.
  // Sealed only when all of it worked: a program that ran out of memory here never runs.
  void seal(Team& team);
  // Packs every matrix anew after its values changed. The first time it allocates; later it cannot
  // fail.
  void repack(Team& team);

  void read(const std::string& name, float* values) const;
  void read_codes(const std::string& name, int8_t* codes, float* scales) const;

  const WeightSpec& spec(const std::string& name) const;
  int64_t elements(const std::string& name) const;
  // Where a weight lies in its group: the group's index and the first row.
  int group_of(const std::string& name) const { return place(name).group; }
  int64_t first_row(const std::string& name) const { return place(name).row; }

  const WeightGroup& at(int group) const { return groups_[static_cast<size_t>(group)]; }
  WeightGroup& at(int group) { return groups_[static_cast<size_t>(group)]; }
  int group_count() const { return static_cast<int>(groups_.size()); }
  const std::vector<WeightSpec>& specs() const { return specs_; }
  bool trainable() const { return trainable_; }
  bool sealed() const { return sealed_.load(std::memory_order_acquire); }
  // As of allocate() or the last seal(); any thread may ask.
  int64_t resident_bytes() const { return resident_bytes_.load(std::memory_order_relaxed); }

 private:
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
  void check_complete() const;
  void check_finite(Team& team) const;
  void pack_group(WeightGroup& group, Team& team);
  int64_t count_bytes() const;

  std::vector<WeightSpec> specs_;
  std::unordered_map<std::string, Place> places_;
  std::vector<WeightGroup> groups_;
  bool trainable_;
  std::atomic<bool> sealed_{false};
  std::atomic<int64_t> resident_bytes_{0};
};

}  // namespace sinter
