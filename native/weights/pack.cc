// Layout, writing and reading of packs. packing.cc brings the plain form into the form that runs.
#include "weights/pack.h"

#include <algorithm>
#include <cstring>

#include "base/errors.h"

namespace sinter {
namespace {

// Cuts a block into arrays on 64-byte boundaries, or without a block (base nullptr) only counts its
// bytes. An empty array takes no space.
class Cutter {
 public:
  explicit Cutter(uint8_t* base) : base_(base) {}

  template <typename T>
  WeightArray<T> next(int64_t size) {
    if (size == 0) return {};
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

}  // namespace

bool PackMember::whole() const {
  const auto parts = spec.storage->parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (written[i] != spec.rows() * parts[i].row_bytes(spec.width())) return false;
  }
  return true;
}

bool Pack::covers(const Pack& other) const {
  if (trained || other.trained || storage != other.storage) return false;
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
    storage = spec.storage;
  } else if (spec.width() != width || spec.storage != storage) {
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
  const std::string held = " held in " + std::string(storage->name());
  if (trained && !storage->trainable())
    throw Error(ErrorCode::INTERNAL, "weight " + name + held + " cannot be trained");
  for (PackUse use : {PackUse::matrix, PackUse::table, PackUse::vector}) {
    if (used_as(use) && !storage->allows(use))
      throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be" + held);
  }
  if (backward() && !storage->trainable())
    throw Error(ErrorCode::INTERNAL, "weight " + name + held + " passes no gradients on");
  const char* why = storage->refuses(width, matrix());
  if (why != nullptr)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " cannot be" + held + ": " + why);
}

int64_t Pack::place_parts(uint8_t* base) {
  Cutter cut(base);
  const auto spec = storage->parts();
  for (size_t i = 0; i < spec.size(); ++i)
    parts[i] =
        keeps(i) ? cut.next<uint8_t>(rows * spec[i].row_bytes(width)) : WeightArray<uint8_t>();
  set_values();
  return cut.bytes();
}

int64_t Pack::place_packed(uint8_t* base) {
  Cutter cut(base);
  const PackedSizes sizes = storage->packed_sizes(*this);
  packed = cut.next<uint8_t>(sizes.bytes);
  sums = cut.next<int32_t>(sizes.sums);
  return cut.bytes();
}

int64_t Pack::place_backward(uint8_t* base) {
  Cutter cut(base);
  packed_backward = cut.next<float>(storage->packed_sizes(*this).backward_floats);
  return cut.bytes();
}

void Pack::set_values() {
  const auto spec = storage->parts();
  if (spec.size() > 1 || spec[0].type != &kF32) return;
  values = {reinterpret_cast<float*>(parts[0].data()), parts[0].size() / kF32.bytes};
}

int64_t Pack::block_bytes() {
  return place_parts(nullptr) + place_packed(nullptr) + place_backward(nullptr);
}

void Pack::allocate(WeightPages& pages) {
  if (const int64_t bytes = place_parts(nullptr); bytes > 0) plain_block = pages.take(bytes);
  place_parts(plain_block.get());
  if (const int64_t bytes = place_packed(nullptr); bytes > 0) packed_block = pages.take(bytes);
  place_packed(packed_block.get());
  if (const int64_t bytes = place_backward(nullptr); bytes > 0) backward_block = pages.take(bytes);
  place_backward(backward_block.get());
  allocated_ = true;
  if (keeps(0)) return;
  plain = AlignedBuffer<uint8_t>(rows * storage->parts()[0].row_bytes(width));
  parts[0] = {plain.data(), plain.size()};
  set_values();
}

ConstPartRows Pack::part_rows(int64_t row) const {
  ConstPartRows at = {};
  const auto spec = storage->parts();
  for (size_t i = 0; i < spec.size(); ++i) {
    if (!parts[i].empty()) at[i] = parts[i].data() + row * spec[i].row_bytes(width);
  }
  return at;
}

PartRows Pack::writable_rows(int64_t row) {
  PartRows at = {};
  const auto spec = storage->parts();
  for (size_t i = 0; i < spec.size(); ++i) at[i] = parts[i].data() + row * spec[i].row_bytes(width);
  return at;
}

void Pack::check_writable(const PackMember& member, size_t part, int64_t begin,
                          int64_t bytes) const {
  const std::string& name = member.spec.name;
  if (ready) throw Error(ErrorCode::INTERNAL, "weight " + name + " is written after seal");
  if (member.source.weight != nullptr)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " comes from another weight");
  const int64_t all = member.spec.rows() * storage->parts()[part].row_bytes(width);
  if (begin != member.written[part] || bytes > all - begin) {
    throw Error(ErrorCode::INTERNAL, "weight " + name +
                                         ": elements must be written in order, at most " +
                                         std::to_string(all / storage->parts()[part].type->bytes));
  }
}

void Pack::write(size_t index, size_t part, int64_t offset, const ElementType& type,
                 const uint8_t* bytes, int64_t size) {
  PackMember& member = members[index];
  const std::string& name = member.spec.name;
  if (part >= storage->parts().size())
    throw Error(ErrorCode::INTERNAL, "weight " + name + " has no such part");
  const StoragePart& to = storage->parts()[part];
  const bool widened = to.type == &kF32 && type.widen != nullptr;
  if (to.type != &type && !widened)
    throw Error(ErrorCode::INTERNAL, "weight " + name + " has another dtype");
  if (size % type.bytes != 0) {
    throw Error(ErrorCode::INTERNAL, "weight " + name + ": " + std::to_string(size) +
                                         " bytes are no whole elements of " + type.name);
  }
  constexpr int64_t kMost = int64_t{1} << 48;  // keeps all sums within int64
  const int64_t count = size / type.bytes, wide = to.type->bytes;
  if (offset < 0 || offset > kMost) offset = kMost;
  check_writable(member, part, offset * wide, count * wide);
  if (count == 0) return;
  uint8_t* at = writable_rows(member.row)[part] + offset * wide;
  if (to.type == &type) {
    std::memcpy(at, bytes, static_cast<size_t>(size));
  } else {
    type.widen(count, bytes, reinterpret_cast<float*>(at));
  }
  member.written[part] += count * wide;
}

bool Pack::complete() const {
  return std::all_of(members.begin(), members.end(), [](const PackMember& member) {
    return member.source.weight != nullptr || member.whole();
  });
}

void Pack::read_parts(int64_t begin, int64_t end, const PartRows& to) const {
  if (begin >= end) return;
  const auto spec = storage->parts();
  const ConstPartRows from = part_rows(begin);
  for (size_t i = 0; i < spec.size(); ++i) {
    if (parts[i].empty()) {
      storage->unpack(*this, begin, end, to[i]);
    } else {
      std::memcpy(to[i], from[i], static_cast<size_t>((end - begin) * spec[i].row_bytes(width)));
    }
  }
}

void Pack::read(int64_t begin, int64_t end, float* to) const {
  if (begin >= end) return;
  if (parts[0].empty() && storage->is_f32()) {
    storage->unpack(*this, begin, end, reinterpret_cast<uint8_t*>(to));
    return;
  }
  ConstPartRows from = part_rows(begin);
  AlignedBuffer<uint8_t> unpacked;
  if (parts[0].empty()) {
    unpacked = AlignedBuffer<uint8_t>((end - begin) * storage->parts()[0].row_bytes(width));
    storage->unpack(*this, begin, end, unpacked.data());
    from[0] = unpacked.data();
  }
  storage->widen(end - begin, width, from, to);
}

int64_t Pack::bytes() const {
  int64_t bytes = packed.bytes() + sums.bytes() + packed_backward.bytes();
  for (const WeightArray<uint8_t>& part : parts) bytes += part.bytes();
  return bytes;
}

}  // namespace sinter
