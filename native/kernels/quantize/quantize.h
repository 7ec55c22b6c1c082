// Quantization to int8: activations per row (token), asymmetric, unsigned; weights per row
// (channel), symmetric.
//
// Activations: x is multiplied by the equalizer, channel by channel, where there is one; then
//   lo = min(0, min x), hi = max(0, max x), top = 255 (8 bits) or 127 (7 bits);
//   scale = (hi - lo) / top; zero = round(-lo / scale), in 0..top;
//   q = clamp(round(x * (top / (hi - lo))) + zero, 0, top). A row of zeros, or with hi - lo below
//   1e-36, has scale 0, zero 0, q 0.
// Weights: scale = max|w| / 127; q = clamp(round(w / scale), -127, 127); a row of zeros has scale
// 0. round is to nearest, ties to even. Inputs are finite (NaN or infinite activations give
// unspecified q, never a crash).
#pragma once

#include <cstdint>

#include "base/kernel_table.h"

namespace sinter {

struct QuantizeKernels {
  // x: [rows, n] with row stride x_row; q: [rows, q_row], where bytes n..q_row of each row are set
  // to 0. activation_bits: 8 or 7. equalizer: [n] or nullptr.
  void (*rows_u8)(int activation_bits, int64_t rows, int64_t n, const float* x, int64_t x_row,
                  const float* equalizer, uint8_t* q, int64_t q_row, float* scale, int32_t* zero);
  // w: [rows, n] dense -> q [rows, n], scale [rows], sum [rows] (sum of q over the row; may be
  // nullptr).
  void (*weights_s8)(int64_t rows, int64_t n, const float* w, int8_t* q, float* scale,
                     int32_t* sum);
};

#define SINTER_KERNEL(isa, name) const QuantizeKernels& name();
#include "kernels/quantize/kernels.inc"
#undef SINTER_KERNEL

KernelRows<QuantizeKernels> quantize_rows();

}  // namespace sinter
