// The table of element types. An infinity or NaN is a float with all exponent bits set.
#include "weights/element_type.h"

#include <cstring>

#include "base/half.h"

namespace sinter {
namespace {

void copy_f32(int64_t count, const uint8_t* from, float* to) {
  if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

template <typename Bits, Bits exponent>
int64_t first_with(int64_t count, const uint8_t* from) {
  for (int64_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, from + i * static_cast<int64_t>(sizeof(Bits)), sizeof(Bits));
    if ((bits & exponent) == exponent) return i;
  }
  return count;
}

}  // namespace

const ElementType kF32 = {"f32", 4, copy_f32, first_with<uint32_t, 0x7F800000u>};
const ElementType kF16 = {"f16", 2, widen_f16, first_with<uint16_t, 0x7C00>};
const ElementType kBf16 = {"bf16", 2, widen_bf16, first_with<uint16_t, 0x7F80>};
const ElementType kS8 = {"s8", 1, nullptr, nullptr};
const ElementType kU8 = {"u8", 1, nullptr, nullptr};

const ElementType* find_element_type(const std::string& name) {
  for (const ElementType* type : {&kF32, &kF16, &kBf16, &kS8, &kU8}) {
    if (name == type->name) return type;
  }
  return nullptr;
}

}  // namespace sinter
