// s8: one code per element and one scale per row, w = code * scale. Products run in integers
// (gemm_s8.h): each row of the input is quantized first. A weight that is only a matrix keeps only
// its packed codes.
#include <cstring>

#include "kernels/kernel_set.h"
#include "weights/pack.h"
#include "weights/panels.h"
#include "weights/storage.h"

namespace sinter {
namespace {

const int8_t* codes_of(const ConstPartRows& parts) {
  return reinterpret_cast<const int8_t*>(parts[0]);
}

const float* scales_of(const Pack& pack) {
  return reinterpret_cast<const float*>(pack.parts[1].data());
}

const GemmS8Format& format_of(const Pack& pack) {
  return active_kernels().gemm_s8.format(pack.activation_bits);
}

// The input of a product, quantized per row.
struct QuantizedInput {
  // Codes, then scales, then zero points, each on its own cache lines (a_row is a multiple of 64).
  QuantizedInput(Lanes& lanes, const Pack& pack, const Product& product) {
    const int64_t rows = product.rows, k = pack.width, padded = (rows + 15) / 16 * 16;
    a_row = (k + kGemmS8KAlign - 1) / kGemmS8KAlign * kGemmS8KAlign;
    codes = lanes.shared_scratch(padded * (a_row + 8));
    scale = reinterpret_cast<float*>(codes + padded * a_row);
    zero = reinterpret_cast<int32_t*>(scale + padded);
    const QuantizeKernels& kernels = active_kernels().quantize;
    lanes.parallel_ranges(rows, 8, k, [&](int64_t begin, int64_t end, int) {
      kernels.rows_u8(pack.activation_bits, end - begin, k, product.x + begin * k, k,
                      product.equalizer, codes + begin * a_row, a_row, scale + begin, zero + begin);
    });
  }
  int64_t a_row;
  uint8_t* codes;
  float* scale;
  int32_t* zero;
};

class S8Storage final : public Storage {
 public:
  const char* name() const override { return "s8"; }
  std::span<const StoragePart> parts() const override {
    static constexpr StoragePart kParts[] = {{"", &kS8, [](int64_t width) { return width; }},
                                             {"scale", &kF32, [](int64_t) { return int64_t{1}; }}};
    return kParts;
  }
  bool quantizes_input() const override { return true; }
  const char* refuses(int64_t width, bool matrix) const override {
    return matrix && width > kGemmS8MaxK ? "it is too wide for int8" : nullptr;
  }

  void widen(int64_t rows, int64_t width, const ConstPartRows& from, float* to) const override {
    const int8_t* codes = codes_of(from);
    for (int64_t row = 0; row < rows; ++row) {
      float scale;
      std::memcpy(&scale, from[1] + row * 4, sizeof(scale));
      for (int64_t i = row * width; i < (row + 1) * width; ++i)
        to[i] = static_cast<float>(codes[i]) * scale;
    }
  }
  void narrow(int64_t rows, int64_t width, const float* from, const PartRows& to) const override {
    active_kernels().quantize.weights_s8(rows, width, from, reinterpret_cast<int8_t*>(to[0]),
                                         reinterpret_cast<float*>(to[1]), nullptr);
  }

  PackedSizes packed_sizes(const Pack& pack) const override {
    PackedSizes sizes;
    if (!pack.matrix()) return sizes;
    sizes.bytes = static_cast<int64_t>(format_of(pack).packed_bytes(pack.rows, pack.width));
    sizes.sums = pack.rows;
    return sizes;
  }
  bool keeps_plain(const Pack& pack) const override { return pack.plain_read(); }

  void pack(Pack& pack, Team& team) const override {
    const GemmS8Format& gemm = format_of(pack);
    const int64_t width = pack.width;
    const int8_t* codes = reinterpret_cast<const int8_t*>(pack.parts[0].data());
    for_panel_slices(team, pack.rows, [&](int64_t row, int64_t count) {
      const int8_t* from = codes + row * width;
      gemm.pack(count, width, from, pack.packed.data() + gemm.packed_bytes(row, width));
      for (int64_t r = 0; r < count; ++r) {
        int32_t sum = 0;
        for (int64_t k = 0; k < width; ++k) sum += from[r * width + k];
        pack.sums.data()[row + r] = sum;
      }
    });
  }

  void unpack(const Pack& pack, int64_t begin, int64_t end, uint8_t* to) const override {
    const GemmS8Format& gemm = format_of(pack);
    const int64_t width = pack.width;
    const PanelRows whole(begin, end, pack.rows);
    AlignedBuffer<int8_t> unpacked(whole.rows() * width);
    gemm.unpack(whole.rows(), width, pack.packed.data() + gemm.packed_bytes(whole.begin, width),
                unpacked.data());
    std::memcpy(to, unpacked.data() + (begin - whole.begin) * width,
                static_cast<size_t>((end - begin) * width));
  }

  void multiply(Lanes& lanes, const Pack& pack, const Product& product) const override {
    const QuantizedInput input(lanes, pack, product);
    product_s8(lanes, format_of(pack),
               {product.rows, pack.rows, pack.width, input.codes, input.a_row, input.scale,
                input.zero, pack.packed.data(), scales_of(pack), pack.sums.data(), product.y,
                pack.rows, product.bias, product.activation});
  }

  bool find_table(const Pack& pack, EmbeddingTable& table) const override {
    table.s8 = reinterpret_cast<const int8_t*>(pack.parts[0].data());
    table.scale = scales_of(pack);
    return true;
  }
};

}  // namespace

const Storage& storage_s8() {
  static const S8Storage storage;
  return storage;
}

}  // namespace sinter
