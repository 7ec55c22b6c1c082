// f32: plain numbers. The only storage of vectors and of weights that an optimizer changes.
// Products read panels of W^T; gradients of their inputs read panels of W.
#include <cstring>

#include "kernels/kernel_set.h"
#include "weights/pack.h"
#include "weights/panels.h"
#include "weights/storage.h"

namespace sinter {
namespace {

void copy(int64_t count, const void* from, void* to) {
  if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

const float* panels_of(const Pack& pack) {
  return reinterpret_cast<const float*>(pack.packed.data());
}

class F32Storage final : public Storage {
 public:
  const char* name() const override { return "f32"; }
  std::span<const StoragePart> parts() const override {
    static constexpr StoragePart kParts[] = {{"", &kF32, [](int64_t width) { return width; }}};
    return kParts;
  }
  bool allows(PackUse) const override { return true; }
  bool trainable() const override { return true; }
  bool is_f32() const override { return true; }

  void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const override {
    copy(rows * width, from[0], to);
  }
  void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const override {
    copy(rows * width, from, to[0]);
  }

  PackedSizes packed_sizes(const Pack& pack) const override {
    PackedSizes sizes;
    if (pack.matrix())
      sizes.bytes = gemm_f32_packed_floats(pack.width, pack.rows) * int64_t{sizeof(float)};
    if (pack.backward()) sizes.backward_floats = gemm_f32_packed_floats(pack.rows, pack.width);
    return sizes;
  }
  bool keeps_plain(const Pack& pack) const override { return pack.plain_read() || pack.trained; }

  void pack(Pack& pack, Team& team) const override {
    const GemmF32Kernels& gemm = active_kernels().gemm_f32;
    const int64_t rows = pack.rows, width = pack.width;
    const float* values = pack.values.data();
    float* packed = reinterpret_cast<float*>(pack.packed.data());
    for_panel_slices(team, rows, [&](int64_t row, int64_t count) {
      gemm.pack(width, count, values + row * width, 1, width, packed + row * width);
    });
    if (!pack.backward()) return;
    for_panel_slices(team, width, [&](int64_t column, int64_t count) {
      gemm.pack(rows, count, values + column, width, 1,
                pack.packed_backward.data() + column * rows);
    });
  }

  void unpack(const Pack& pack, int64_t begin, int64_t end, uint8_t* to) const override {
    const int64_t width = pack.width;
    const PanelRows whole(begin, end, pack.rows);
    if (whole.begin == begin && whole.end == end) {
      active_kernels().gemm_f32.unpack(width, end - begin, panels_of(pack) + begin * width, 1,
                                       width, reinterpret_cast<float*>(to));
      return;
    }
    AlignedBuffer<float> unpacked(whole.rows() * width);
    active_kernels().gemm_f32.unpack(width, whole.rows(), panels_of(pack) + whole.begin * width, 1,
                                     width, unpacked.data());
    copy((end - begin) * width, unpacked.data() + (begin - whole.begin) * width, to);
  }

  void multiply(Lanes& lanes, const Pack& pack, const Product& product) const override {
    const int64_t k = pack.width, n = pack.rows;
    product_f32(lanes, {product.rows, n, k, product.x, k, 1, panels_of(pack), product.y, n,
                        product.bias, product.activation, /*accumulate=*/false});
  }

  bool find_table(const Pack& pack, EmbeddingTable& table) const override {
    table.f32 = pack.values.data();
    return true;
  }
};

}  // namespace

const Storage& storage_f32() {
  static const F32Storage storage;
  return storage;
}

}  // namespace sinter
