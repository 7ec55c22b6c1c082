// Grouping, filling, checking and packing of weights.
#include "program/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sinter {
namespace {

int64_t rows_of(const WeightSpec& spec) { return spec.shape.empty() ? 1 : spec.shape[0]; }
int64_t width_of(const WeightSpec& spec) { return spec.shape.size() < 2 ? 1 : spec.shape[1]; }

// Panels handed to a lane at once when packing: large enough that the hand-over costs nothing.
constexpr int64_t kPackPanels = 8;

// task(first column, columns) over slices of `columns` columns, a multiple of the GEMM panel each
// but the last.
template <typename Task>
void for_panel_slices(Team& team, int64_t columns, const Task& task) {
  const int64_t slice = kPackPanels * kGemmPanel;
  team.parallel_for((columns + slice - 1) / slice,
                    [&](int64_t i, int) { task(i * slice, std::min(slice, columns - i * slice)); });
}

}  // namespace

Weights::Weights(std::vector<WeightSpec> specs, bool trainable)
    : specs_(std::move(specs)), trainable_(trainable) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    Place place;
    place.spec = static_cast<int>(i);
    if (!places_.emplace(specs_[i].name, place).second) {
      throw Error(ErrorCode::INTERNAL, "weight " + specs_[i].name + " is listed twice");
    }
  }
}

Weights::Place& Weights::place(const std::string& name) {
  const auto found = places_.find(name);
  if (found == places_.end()) throw Error(ErrorCode::INTERNAL, "there is no weight " + name);
  return found->second;
}

const Weights::Place& Weights::place(const std::string& name) const {
  return const_cast<Weights*>(this)->place(name);
}

const WeightSpec& Weights::spec(const std::string& name) const {
  return specs_[static_cast<size_t>(place(name).spec)];
}

int64_t Weights::elements(const std::string& name) const {
  const WeightSpec& s = spec(name);
  return rows_of(s) * width_of(s);
}

int Weights::group(const std::vector<std::string>& names, bool matrix) {
  if (names.empty()) throw Error(ErrorCode::INTERNAL, "a group of weights needs a name");
  const int known = place(names[0]).group;
  if (known >= 0) {
    const WeightGroup& old = at(known);
    bool same = old.members.size() == names.size() && old.matrix == matrix;
    for (size_t i = 0; same && i < names.size(); ++i) same = old.members[i] == place(names[i]).spec;
    if (!same)
      throw Error(ErrorCode::INTERNAL, "weight " + names[0] + " is used in two different ways");
    return known;
  }
  WeightGroup made;
  made.matrix = matrix;
  const WeightSpec& first = spec(names[0]);
  made.width = width_of(first);
  made.dtype = first.dtype;
  const int index = group_count();
  for (const std::string& name : names) {
    Place& p = place(name);
    const WeightSpec& s = specs_[static_cast<size_t>(p.spec)];
    if (p.group >= 0 || width_of(s) != made.width || s.dtype != made.dtype) {
      throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be stacked with " + names[0]);
    }
    p.group = index;
    p.row = made.rows;
    made.rows += rows_of(s);
    made.members.push_back(p.spec);
  }
  if (trainable_ && made.dtype == WeightDtype::s8) {
    throw Error(ErrorCode::INTERNAL, "int8 weights cannot be trained: " + names[0]);
  }
  groups_.push_back(std::move(made));
  return index;
}

void Weights::allocate() {
  for (const WeightSpec& s : specs_) {
    if (place(s.name).group < 0)
      throw Error(ErrorCode::INTERNAL, "weight " + s.name + " is not used");
  }
  for (WeightGroup& g : groups_) {
    if (g.dtype == WeightDtype::s8) {
      g.codes = AlignedBuffer<int8_t>(g.rows * g.width);
      g.scales = AlignedBuffer<float>(g.rows);
    } else {
      g.values = AlignedBuffer<float>(g.rows * g.width);
    }
  }
  resident_bytes_ = count_bytes();
}

void Weights::check_writable(const std::string& name, const Place& p, WeightDtype dtype,
                             int64_t offset, int64_t count) const {
  if (sealed_) throw Error(ErrorCode::INTERNAL, "weight " + name + " is written after seal");
  if (spec(name).dtype != dtype)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " has another dtype");
  if (offset != p.written || count < 0 || count > elements(name) - offset) {
    throw Error(ErrorCode::INTERNAL, "weight " + name +
                                         ": elements must be written in order, at most " +
                                         std::to_string(elements(name)));
  }
}

void Weights::write(const std::string& name, int64_t offset, const float* values, int64_t count) {
  Place& p = place(name);
  check_writable(name, p, WeightDtype::f32, offset, count);
  WeightGroup& g = at(p.group);
  if (count > 0)
    std::memcpy(g.values.data() + p.row * g.width + offset, values, static_cast<size_t>(count) * 4);
  p.written += count;
}

void Weights::write_codes(const std::string& name, int64_t offset, const int8_t* codes,
                          int64_t count) {
  Place& p = place(name);
  check_writable(name, p, WeightDtype::s8, offset, count);
  WeightGroup& g = at(p.group);
  if (count > 0)
    std::memcpy(g.codes.data() + p.row * g.width + offset, codes, static_cast<size_t>(count));
  p.written += count;
}

void Weights::write_scales(const std::string& name, const float* scales, int64_t count) {
  Place& p = place(name);
  const WeightSpec& s = spec(name);
  if (sealed_ || s.dtype != WeightDtype::s8 || count != rows_of(s)) {
    throw Error(ErrorCode::INTERNAL,
                "weight " + name + " takes " + std::to_string(rows_of(s)) + " scales");
  }
  std::memcpy(at(p.group).scales.data() + p.row, scales, static_cast<size_t>(count) * 4);
  p.scales_written = true;
}

void Weights::check_complete() const {
  for (const WeightSpec& s : specs_) {
    const Place& p = place(s.name);
    if (p.written != elements(s.name) || (s.dtype == WeightDtype::s8 && !p.scales_written)) {
      throw Error(ErrorCode::INTERNAL, "weight " + s.name + " was not written whole");
    }
  }
}

void Weights::check_finite(Team& team) const {
  team.parallel_for(static_cast<int64_t>(specs_.size()), [&](int64_t i, int) {
    const WeightSpec& s = specs_[static_cast<size_t>(i)];
    const Place& p = place(s.name);
    const WeightGroup& g = at(p.group);
    const bool codes = s.dtype == WeightDtype::s8;
    const float* values = codes ? g.scales.data() + p.row : g.values.data() + p.row * g.width;
    const int64_t count = codes ? rows_of(s) : elements(s.name);
    for (int64_t j = 0; j < count; ++j) {
      if (!std::isfinite(values[j])) {
        throw Error(ErrorCode::CORRUPT_MODEL,
                    "weight " + s.name + (codes ? ": scale " : ": element ") + std::to_string(j) +
                        " must be finite, got " + std::to_string(values[j]));
      }
    }
  });
}

void Weights::pack_group(WeightGroup& g, Team& team) {
  const KernelSet& kernels = active_kernels();
  if (g.dtype == WeightDtype::s8) {
    const GemmS8Kernels& gemm = kernels.gemm_s8;
    g.packed_codes =
        AlignedBuffer<uint8_t>(static_cast<int64_t>(gemm.packed_bytes(g.rows, g.width)));
    g.sums = AlignedBuffer<int32_t>(g.rows);
    for_panel_slices(team, g.rows, [&](int64_t row, int64_t count) {
      const int8_t* codes = g.codes.data() + row * g.width;
      gemm.pack(count, g.width, codes, g.packed_codes.data() + gemm.packed_bytes(row, g.width));
      for (int64_t r = 0; r < count; ++r) {
        int32_t sum = 0;
        for (int64_t k = 0; k < g.width; ++k) sum += codes[r * g.width + k];
        g.sums.data()[row + r] = sum;
      }
    });
    g.codes.clear();
    return;
  }
  const GemmF32Kernels& gemm = kernels.gemm_f32;
  if (g.packed.empty()) g.packed = AlignedBuffer<float>(gemm_f32_packed_floats(g.width, g.rows));
  for_panel_slices(team, g.rows, [&](int64_t row, int64_t count) {
    gemm.pack(g.width, count, g.values.data() + row * g.width, 1, g.width,
              g.packed.data() + row * g.width);
  });
  if (!trainable_) {
    g.values.clear();
    return;
  }
  if (g.packed_backward.empty())
    g.packed_backward = AlignedBuffer<float>(gemm_f32_packed_floats(g.rows, g.width));
  for_panel_slices(team, g.width, [&](int64_t column, int64_t count) {
    gemm.pack(g.rows, count, g.values.data() + column, g.width, 1,
              g.packed_backward.data() + column * g.rows);
  });
}

void Weights::seal(Team& team) {
  if (sealed_) throw Error(ErrorCode::INTERNAL, "a program is sealed once");
  check_complete();
  check_finite(team);
  repack(team);
  resident_bytes_ = count_bytes();
  sealed_.store(true, std::memory_order_release);
}

void Weights::repack(Team& team) {
  for (WeightGroup& g : groups_) {
    if (g.matrix) pack_group(g, team);
  }
}

void Weights::read(const std::string& name, float* values) const {
  const Place& p = place(name);
  const WeightGroup& g = at(p.group);
  const int64_t count = elements(name);
  if (g.dtype != WeightDtype::f32) throw Error(ErrorCode::INTERNAL, "weight " + name + " is int8");
  if (!g.values.empty()) {
    std::memcpy(values, g.values.data() + p.row * g.width, static_cast<size_t>(count) * 4);
    return;
  }
  // Only packed: a member may begin inside a panel, so the whole group is unpacked.
  AlignedBuffer<float> all(g.rows * g.width);
  active_kernels().gemm_f32.unpack(g.width, g.rows, g.packed.data(), 1, g.width, all.data());
  std::memcpy(values, all.data() + p.row * g.width, static_cast<size_t>(count) * 4);
}

void Weights::read_codes(const std::string& name, int8_t* codes, float* scales) const {
  const Place& p = place(name);
  const WeightGroup& g = at(p.group);
  const WeightSpec& s = spec(name);
  if (g.dtype != WeightDtype::s8)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " is not int8");
  std::memcpy(scales, g.scales.data() + p.row, static_cast<size_t>(rows_of(s)) * 4);
  const size_t count = static_cast<size_t>(elements(name));
  if (!g.codes.empty()) {
    std::memcpy(codes, g.codes.data() + p.row * g.width, count);
    return;
  }
  AlignedBuffer<int8_t> all(g.rows * g.width);
  active_kernels().gemm_s8.unpack(g.rows, g.width, g.packed_codes.data(), all.data());
  std::memcpy(codes, all.data() + p.row * g.width, count);
}

int64_t Weights::count_bytes() const {
  int64_t bytes = 0;
  for (const WeightGroup& g : groups_) {
    bytes += g.values.bytes() + g.codes.bytes() + g.scales.bytes() + g.sums.bytes() +
             g.packed.bytes() + g.packed_backward.bytes() + g.packed_codes.bytes();
  }
  return bytes;
}

}  // namespace sinter
