// Grouping, filling and reading of weights. Checking and packing: weight_packing.cc.
#include "program/weights.h"

#include <algorithm>
#include <cstring>

#include "base/half.h"

namespace sinter {
namespace {

int64_t rows_of(const WeightSpec& spec) { return spec.shape.empty() ? 1 : spec.shape[0]; }
int64_t width_of(const WeightSpec& spec) { return spec.shape.size() < 2 ? 1 : spec.shape[1]; }

// Cuts a block into arrays on 64-byte borders; without a block it only counts.
class Cutter {
 public:
  explicit Cutter(uint8_t* base) : base_(base) {}

  template <typename T>
  WeightArray<T> next(int64_t size) {
    T* data = base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += size * static_cast<int64_t>(sizeof(T));
    bytes_ = (bytes_ + kUnit - 1) / kUnit * kUnit;
    return {data, size};
  }
  int64_t bytes() const { return bytes_; }

 private:
  static constexpr int64_t kUnit = kAlignment;
  uint8_t* base_;
  int64_t bytes_ = 0;
};

// The whole panels of a packed matrix that hold its rows [first, last).
struct Panels {
  Panels(int64_t first, int64_t last, int64_t all)
      : begin(first / kGemmPanel * kGemmPanel),
        end(std::min(all, (last + kGemmPanel - 1) / kGemmPanel * kGemmPanel)) {}
  int64_t rows() const { return end - begin; }
  int64_t begin, end;
};

}  // namespace

Weights::Weights(std::vector<WeightSpec> specs, bool trainable,
                 std::unordered_set<std::string> halves)
    : specs_(std::move(specs)), trainable_(trainable), halves_(std::move(halves)) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    Place place;
    place.spec = static_cast<int>(i);
    if (!places_.emplace(specs_[i].name, place).second) {
      throw Error(ErrorCode::INTERNAL, "weight " + specs_[i].name + " is listed twice");
    }
  }
}

Weights::~Weights() {
  groups_.clear();
  forget_ended_blocks();
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

int64_t Weights::rows(const std::string& name) const { return rows_of(spec(name)); }

int Weights::group(const std::vector<std::string>& names, GroupUse use, int activation_bits) {
  if (names.empty()) throw Error(ErrorCode::INTERNAL, "a group of weights needs a name");
  const int known = place(names[0]).group;
  const int index = known >= 0 ? known : stack(names);
  WeightGroup& g = at(index);
  bool same = g.members.size() == names.size();
  for (size_t i = 0; same && i < names.size(); ++i) same = g.members[i] == place(names[i]).spec;
  if (!same) throw_stacked_twice(names[0]);
  if (use == GroupUse::matrix) {
    if (g.matrix() && g.activation_bits != activation_bits) {
      throw Error(ErrorCode::INTERNAL,
                  "weight " + names[0] + " is used with activation codes of 7 and of 8 bits");
    }
    g.activation_bits = activation_bits;
  }
  g.uses |= static_cast<int>(use);
  return index;
}

void Weights::throw_stacked_twice(const std::string& name) {
  throw Error(
      ErrorCode::INTERNAL,
      "weight " + name +
          " is stacked with some weights in one node and alone, or with others, in another");
}

int Weights::stack(const std::vector<std::string>& names) {
  WeightGroup made;
  const WeightSpec& first = spec(names[0]);
  made.width = width_of(first);
  made.dtype = first.dtype;
  const int index = group_count();
  for (const std::string& name : names) {
    Place& p = place(name);
    const WeightSpec& s = specs_[static_cast<size_t>(p.spec)];
    if (p.group >= 0) throw_stacked_twice(name);
    if (width_of(s) != made.width || s.dtype != made.dtype)
      throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be stacked with " + names[0]);
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
  check_halves();
  for (WeightGroup& g : groups_)
    g.half = halves_.count(specs_[static_cast<size_t>(g.members[0])].name) > 0;
  int64_t total = 0;
  for (WeightGroup& g : groups_) total += place_arrays(g, nullptr);
  WeightPages pages(total);
  for (WeightGroup& g : groups_) {
    g.block = pages.take(place_arrays(g, nullptr));
    place_arrays(g, g.block.get());
    if (g.plain_read() || trainable_) continue;
    const int64_t size = g.rows * g.width;
    g.plain = AlignedBuffer<uint8_t>(g.dtype == WeightDtype::s8 ? size : 4 * size);
    if (g.dtype == WeightDtype::s8) {
      g.codes = {reinterpret_cast<int8_t*>(g.plain.data()), size};
    } else {
      g.values = {reinterpret_cast<float*>(g.plain.data()), size};
    }
  }
  resident_bytes_ = count_bytes();
}

void Weights::check_halves() const {
  for (const std::string& name : halves_) {
    const WeightGroup& g = at(place(name).group);
    const bool only_table = g.uses == static_cast<int>(GroupUse::table);
    if (!only_table || g.dtype != WeightDtype::f32 || trainable_) {
      throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be held in f16");
    }
  }
}

int64_t Weights::place_arrays(WeightGroup& g, uint8_t* base) const {
  Cutter cut(base);
  const int64_t size = g.rows * g.width;
  if (g.dtype == WeightDtype::s8) {
    if (g.matrix()) {
      const GemmS8Format& gemm = active_kernels().gemm_s8.format(g.activation_bits);
      g.packed_codes = cut.next<uint8_t>(static_cast<int64_t>(gemm.packed_bytes(g.rows, g.width)));
      g.sums = cut.next<int32_t>(g.rows);
    }
    if (g.plain_read()) g.codes = cut.next<int8_t>(size);
    g.scales = cut.next<float>(g.rows);
    return cut.bytes();
  }
  if (g.half) {
    g.halves = cut.next<uint16_t>(size);
    return cut.bytes();
  }
  if (g.matrix()) g.packed = cut.next<float>(gemm_f32_packed_floats(g.width, g.rows));
  if (g.plain_read() || trainable_) g.values = cut.next<float>(size);
  if (g.matrix() && trainable_)
    g.packed_backward = cut.next<float>(gemm_f32_packed_floats(g.rows, g.width));
  return cut.bytes();
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
  if (g.half) throw Error(ErrorCode::INTERNAL, "weight " + name + " takes f16 elements");
  if (count > 0)
    std::memcpy(g.values.data() + p.row * g.width + offset, values, static_cast<size_t>(count) * 4);
  p.written += count;
}

void Weights::write_halves(const std::string& name, int64_t offset, const uint8_t* halves,
                           int64_t count) {
  Place& p = place(name);
  check_writable(name, p, WeightDtype::f32, offset, count);
  WeightGroup& g = at(p.group);
  if (!g.half) throw Error(ErrorCode::INTERNAL, "weight " + name + " is not held in f16");
  if (count > 0)
    std::memcpy(g.halves.data() + p.row * g.width + offset, halves, static_cast<size_t>(count) * 2);
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
  if (sealed_ || at(p.group).packed_now || s.dtype != WeightDtype::s8 || count != rows_of(s)) {
    throw Error(ErrorCode::INTERNAL,
                "weight " + name + " takes " + std::to_string(rows_of(s)) + " scales");
  }
  std::memcpy(at(p.group).scales.data() + p.row, scales, static_cast<size_t>(count) * 4);
  p.scales_written = true;
}

void Weights::read(const std::string& name, int64_t begin, int64_t end, float* values) const {
  const Place& p = place(name);
  const WeightGroup& g = at(p.group);
  if (g.dtype != WeightDtype::f32) throw Error(ErrorCode::INTERNAL, "weight " + name + " is int8");
  const int64_t first = p.row + begin, count = (end - begin) * g.width;
  if (count == 0) return;
  if (g.half) {
    widen_f16(count, reinterpret_cast<const uint8_t*>(g.halves.data() + first * g.width), values);
  } else if (!g.values.empty()) {
    std::memcpy(values, g.values.data() + first * g.width, static_cast<size_t>(count) * 4);
  } else {
    const Panels panels(first, p.row + end, g.rows);
    AlignedBuffer<float> plain(panels.rows() * g.width);
    active_kernels().gemm_f32.unpack(
        g.width, panels.rows(), g.packed.data() + panels.begin * g.width, 1, g.width, plain.data());
    std::memcpy(values, plain.data() + (first - panels.begin) * g.width,
                static_cast<size_t>(count) * 4);
  }
}

void Weights::read_halves(const std::string& name, int64_t begin, int64_t end,
                          uint16_t* halves) const {
  const Place& p = place(name);
  const WeightGroup& g = at(p.group);
  if (!g.half) throw Error(ErrorCode::INTERNAL, "weight " + name + " is not held in f16");
  if (begin < end)
    std::memcpy(halves, g.halves.data() + (p.row + begin) * g.width,
                static_cast<size_t>((end - begin) * g.width) * 2);
}

void Weights::read_codes(const std::string& name, int64_t begin, int64_t end, int8_t* codes,
                         float* scales) const {
  const Place& p = place(name);
  const WeightGroup& g = at(p.group);
  if (g.dtype != WeightDtype::s8)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " is not int8");
  const int64_t first = p.row + begin;
  const size_t count = static_cast<size_t>((end - begin) * g.width);
  if (count == 0) return;
  std::memcpy(scales, g.scales.data() + first, static_cast<size_t>(end - begin) * 4);
  if (!g.codes.empty()) {
    std::memcpy(codes, g.codes.data() + first * g.width, count);
    return;
  }
  const Panels panels(first, p.row + end, g.rows);
  const GemmS8Format& gemm = active_kernels().gemm_s8.format(g.activation_bits);
  AlignedBuffer<int8_t> plain(panels.rows() * g.width);
  gemm.unpack(panels.rows(), g.width,
              g.packed_codes.data() + gemm.packed_bytes(panels.begin, g.width), plain.data());
  std::memcpy(codes, plain.data() + (first - panels.begin) * g.width, count);
}

int64_t Weights::count_bytes() const {
  int64_t bytes = 0;
  for (const WeightGroup& g : groups_) {
    bytes += g.values.bytes() + g.halves.bytes() + g.codes.bytes() + g.scales.bytes() +
             g.sums.bytes() + g.packed.bytes() + g.packed_backward.bytes() + g.packed_codes.bytes();
  }
  return bytes;
}

}  // namespace sinter
