// The reference int8 GEMM, which the other ISAs are tested against: exact int32 sums, then the
// float epilogue of gemm_s8.h. Its packed layout is W itself, zero padded to a multiple of 16
// outputs.
#include "base/simd/scalar.h"
//
#include "kernels/activation/activation_math.h"
#include "kernels/gemm_s8/gemm_s8.h"

namespace sinter {
namespace {

constexpr int64_t kPanel = 16;

size_t packed_bytes(int64_t n, int64_t k) {
  return static_cast<size_t>((n + kPanel - 1) / kPanel * kPanel * k);
}

void pack(int64_t n, int64_t k, const int8_t* w, void* packed) {
  int8_t* const to = static_cast<int8_t*>(packed);
  const int64_t total = static_cast<int64_t>(packed_bytes(n, k));
  for (int64_t i = 0; i < total; ++i) to[i] = i < n * k ? w[i] : int8_t{0};
}

void unpack(int64_t n, int64_t k, const void* packed, int8_t* w) {
  for (int64_t i = 0; i < n * k; ++i) w[i] = static_cast<const int8_t*>(packed)[i];
}

float element(const GemmS8Args& args, int64_t i, int64_t j) {
  const uint8_t* const a = args.a + i * args.a_row;
  const int8_t* const w = static_cast<const int8_t*>(args.b) + j * args.k;
  int32_t sum = 0;
  for (int64_t p = 0; p < args.k; ++p) sum += int32_t{a[p]} * int32_t{w[p]};
  const float scale = args.a_scale[i] * args.w_scale[j];
  const float product = static_cast<float>(sum - args.a_zero[i] * args.w_sum[j]) * scale;
  return args.bias == nullptr ? product : product + args.bias[j];
}

void run(const GemmS8Args& args) {
  for (int64_t i = 0; i < args.m; ++i) {
    for (int64_t panel = 0; panel < args.n; panel += kPanel) {
      const int64_t columns = args.n - panel < kPanel ? args.n - panel : kPanel;
      float x[kPanel] = {};
      for (int64_t j = 0; j < columns; ++j) x[j] = element(args, i, panel + j);
      activate<F32x16>(args.activation, F32x16::load(x)).store(x);
      for (int64_t j = 0; j < columns; ++j) args.c[i * args.c_row + panel + j] = x[j];
    }
  }
}

}  // namespace

const GemmS8Kernels& gemm_s8_scalar() {
  static constexpr GemmS8Format kFormat = {packed_bytes, pack, unpack, run};
  static constexpr GemmS8Kernels kKernels = {kFormat, kFormat};
  return kKernels;
}

}  // namespace sinter
