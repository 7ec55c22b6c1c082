// Layout, filling and reading of packs. From the plain form to the one that runs: packing.cc.
#include "weights/pack.h"

#include <algorithm>
#include <cstring>

#include "base/errors.h"
#include "base/half.h"
#include "kernels/kernel_set.h"

namespace sinter {
namespace {

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

bool Pack::covers(const Pack& other) const {
  if (trained || other.trained || dtype != other.dtype) return false;
  if ((uses & other.uses) != other.uses || members.size() != other.members.size()) return false;
  if (other.matrix() && activation_bits != other.activation_bits) return false;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].weight != other.members[i].weight) return false;
  }
  return true;
}

void Pack::add_member(const WeightSpec& spec) {
  if (members.empty()) {
    width = spec.width();
    dtype = spec.dtype;
  } else if (spec.width() != width || spec.dtype != dtype) {
    throw Error(ErrorCode::INTERNAL,
                "weight " + spec.name + " cannot be stacked with " + members[0].spec.name);
  }
  PackMember member;
  member.spec = spec;
  member.row = rows;
  rows += spec.rows();
  members.push_back(std::move(member));
}

void Pack::check_uses() const {
  const std::string& name = members[0].spec.name;
  if (trained && dtype != WeightDtype::f32) {
    const char* what = dtype == WeightDtype::s8 ? "int8" : "f16";
    throw Error(ErrorCode::INTERNAL, std::string(what) + " weights cannot be trained: " + name);
  }
  if (dtype == WeightDtype::f16 && uses != static_cast<int>(PackUse::table))
    throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be held in f16");
}

int64_t Pack::block_bytes() { return place_arrays(nullptr); }

void Pack::allocate(WeightPages& pages) {
  block = pages.take(block_bytes());
  place_arrays(block.get());
  if (plain_read() || trained) return;
  const int64_t size = rows * width;
  plain = AlignedBuffer<uint8_t>(dtype == WeightDtype::s8 ? size : 4 * size);
  if (dtype == WeightDtype::s8) {
    codes = {reinterpret_cast<int8_t*>(plain.data()), size};
  } else {
    values = {reinterpret_cast<float*>(plain.data()), size};
  }
}

int64_t Pack::place_arrays(uint8_t* base) {
  Cutter cut(base);
  const int64_t size = rows * width;
  if (dtype == WeightDtype::s8) {
    if (matrix()) {
      const GemmS8Format& gemm = active_kernels().gemm_s8.format(activation_bits);
      packed_codes = cut.next<uint8_t>(static_cast<int64_t>(gemm.packed_bytes(rows, width)));
      sums = cut.next<int32_t>(rows);
    }
    if (plain_read()) codes = cut.next<int8_t>(size);
    scales = cut.next<float>(rows);
    return cut.bytes();
  }
  if (dtype == WeightDtype::f16) {
    halves = cut.next<uint16_t>(size);
    return cut.bytes();
  }
  if (matrix()) packed = cut.next<float>(gemm_f32_packed_floats(width, rows));
  if (plain_read() || trained) values = cut.next<float>(size);
  if (backward()) packed_backward = cut.next<float>(gemm_f32_packed_floats(rows, width));
  return cut.bytes();
}

void Pack::check_writable(const PackMember& member, WeightDtype as, int64_t offset,
                          int64_t count) const {
  const std::string& name = member.spec.name;
  if (ready) throw Error(ErrorCode::INTERNAL, "weight " + name + " is written after seal");
  if (dtype != as) throw Error(ErrorCode::INTERNAL, "weight " + name + " has another dtype");
  if (member.source.weight != nullptr)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " comes from another weight");
  if (offset != member.written || count < 0 || count > member.spec.elements() - offset) {
    throw Error(ErrorCode::INTERNAL, "weight " + name +
                                         ": elements must be written in order, at most " +
                                         std::to_string(member.spec.elements()));
  }
}

void Pack::write_elements(size_t index, WeightDtype as, int64_t offset, const void* from,
                          int64_t count, void* array, size_t size) {
  PackMember& member = members[index];
  check_writable(member, as, offset, count);
  const size_t first = static_cast<size_t>(member.row * width + offset);
  if (count > 0)
    std::memcpy(static_cast<uint8_t*>(array) + first * size, from,
                static_cast<size_t>(count) * size);
  member.written += count;
}

void Pack::write(size_t index, int64_t offset, const float* from, int64_t count) {
  write_elements(index, WeightDtype::f32, offset, from, count, values.data(), sizeof(float));
}

void Pack::write_halves(size_t index, int64_t offset, const uint8_t* from, int64_t count) {
  write_elements(index, WeightDtype::f16, offset, from, count, halves.data(), sizeof(uint16_t));
}

void Pack::write_codes(size_t index, int64_t offset, const int8_t* from, int64_t count) {
  write_elements(index, WeightDtype::s8, offset, from, count, codes.data(), sizeof(int8_t));
}

void Pack::write_scales(size_t index, const float* from, int64_t count) {
  PackMember& member = members[index];
  const WeightSpec& spec = member.spec;
  if (ready || dtype != WeightDtype::s8 || count != spec.rows() ||
      member.source.weight != nullptr) {
    throw Error(ErrorCode::INTERNAL,
                "weight " + spec.name + " takes " + std::to_string(spec.rows()) + " scales");
  }
  std::memcpy(scales.data() + member.row, from, static_cast<size_t>(count) * 4);
  member.scales_written = true;
}

bool Pack::complete() const {
  return std::all_of(members.begin(), members.end(), [&](const PackMember& member) {
    return member.source.weight != nullptr || member.whole(dtype);
  });
}

void Pack::read(int64_t begin, int64_t end, float* to) const {
  const int64_t count = (end - begin) * width;
  if (count == 0) return;
  if (dtype == WeightDtype::f16) {
    widen_f16(count, reinterpret_cast<const uint8_t*>(halves.data() + begin * width), to);
    return;
  }
  if (dtype == WeightDtype::s8) {
    std::vector<int8_t> plain_codes(static_cast<size_t>(count));
    std::vector<float> row_scales(static_cast<size_t>(end - begin));
    read_codes(begin, end, plain_codes.data(), row_scales.data());
    for (int64_t i = 0; i < count; ++i) {
      to[i] = static_cast<float>(plain_codes[static_cast<size_t>(i)]) *
              row_scales[static_cast<size_t>(i / width)];
    }
    return;
  }
  if (!values.empty()) {
    std::memcpy(to, values.data() + begin * width, static_cast<size_t>(count) * 4);
    return;
  }
  const Panels panels(begin, end, rows);
  AlignedBuffer<float> unpacked(panels.rows() * width);
  active_kernels().gemm_f32.unpack(width, panels.rows(), packed.data() + panels.begin * width, 1,
                                   width, unpacked.data());
  std::memcpy(to, unpacked.data() + (begin - panels.begin) * width, static_cast<size_t>(count) * 4);
}

void Pack::read_halves(int64_t begin, int64_t end, uint16_t* to) const {
  if (begin < end)
    std::memcpy(to, halves.data() + begin * width, static_cast<size_t>((end - begin) * width) * 2);
}

void Pack::read_codes(int64_t begin, int64_t end, int8_t* to, float* row_scales) const {
  const size_t count = static_cast<size_t>((end - begin) * width);
  if (count == 0) return;
  std::memcpy(row_scales, scales.data() + begin, static_cast<size_t>(end - begin) * 4);
  if (!codes.empty()) {
    std::memcpy(to, codes.data() + begin * width, count);
    return;
  }
  const Panels panels(begin, end, rows);
  const GemmS8Format& gemm = active_kernels().gemm_s8.format(activation_bits);
  AlignedBuffer<int8_t> unpacked(panels.rows() * width);
  gemm.unpack(panels.rows(), width, packed_codes.data() + gemm.packed_bytes(panels.begin, width),
              unpacked.data());
  std::memcpy(to, unpacked.data() + (begin - panels.begin) * width, count);
}

int64_t Pack::bytes() const {
  return values.bytes() + halves.bytes() + codes.bytes() + scales.bytes() + sums.bytes() +
         packed.bytes() + packed_backward.bytes() + packed_codes.bytes();
}

}  // namespace sinter
