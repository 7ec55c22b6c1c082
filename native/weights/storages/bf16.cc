// bf16: the upper half of an f32. Lookups and products widen it exactly, a block at a time.
#include "base/half.h"
#include "weights/storage.h"

namespace sinter {
namespace {

class Bf16Storage final : public Storage {
 public:
  const char* name() const override { return "bf16"; }
  std::span<const StoragePart> parts() const override {
    static constexpr StoragePart kParts[] = {{"", &kBf16, [](int64_t width) { return width; }}};
    return kParts;
  }

  void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const override {
    widen_bf16(rows * width, from[0], to);
  }
  // A number that rounds beyond bf16 becomes an infinity, which check_finite of the pack reports.
  void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const override {
    narrow_bf16(rows * width, from, to[0]);
  }
};

}  // namespace

const Storage& storage_bf16() {
  static const Bf16Storage storage;
  return storage;
}

}  // namespace sinter
