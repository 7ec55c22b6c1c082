// f16: IEEE half precision. Lookups widen it exactly; so do products, block by block.
#include "base/half.h"
#include "weights/pack.h"
#include "weights/storage.h"

namespace sinter {
namespace {

class F16Storage final : public Storage {
 public:
  const char* name() const override { return "f16"; }
  std::span<const StoragePart> parts() const override {
    static constexpr StoragePart kParts[] = {{"", &kF16, [](int64_t width) { return width; }}};
    return kParts;
  }

  void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const override {
    widen_f16(rows * width, from[0], to);
  }
  // A number beyond f16 becomes an infinity, which check_finite of the pack reports.
  void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const override {
    narrow_f16(rows * width, from, to[0]);
  }

  bool find_table(const Pack& pack, EmbeddingTable& table) const override {
    table.f16 = reinterpret_cast<const uint16_t*>(pack.parts[0].data());
    return true;
  }
};

}  // namespace

const Storage& storage_f16() {
  static const F16Storage storage;
  return storage;
}

}  // namespace sinter
