// int8 matrix product: unsigned activations with one scale and zero point per row (token), signed
// weights with one scale per column (output channel), exact int32 sums.
//
//   C[i, j] = act( float(sum_k A[i, k] * W[j, k] - zero[i] * column_sum[j])
//                  * (a_scale[i] * w_scale[j]) + bias[j] )
//
// in exactly this order of float operations (one multiply of the scales, one multiply, one add, no
// fma), so all ISAs give the same bits. This is the "int8 contract". Activation codes have 8 bits
// (0..255) or 7 (0..127), weights are in -127..127; k <= 32768 keeps the sums in int32. Every ISA
// has a format for each width of the activation codes, with a packed layout of its own: pack,
// unpack and run of one format belong together. m, n or k may be 0. C may not alias the inputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/kernel_table.h"
#include "kernels/activation/activation_kind.h"

namespace sinter {

inline constexpr int64_t kGemmS8MaxK = 32768;
inline constexpr int64_t kGemmS8KAlign =
    64;  // bytes; rows of A are zero padded to a multiple of it

struct GemmS8Args {
  int64_t m, n, k;
  const uint8_t* a;  // [m, a_row], a_row >= round_up(k, kGemmS8KAlign); padding bytes are 0
  int64_t a_row;
  const float* a_scale;   // [m]
  const int32_t* a_zero;  // [m]
  const void* b;          // packed panels; the first holds column 0 of this call
  const float* w_scale;   // [n]
  const int32_t* w_sum;   // [n] sums of the weights over k
  float* c;
  int64_t c_row;
  const float* bias;  // [n] or nullptr
  Activation activation;
};

struct GemmS8Format {
  // Bytes of the packed weights of n outputs. They lie in panels of 16 outputs; panel p starts at
  // byte packed_bytes(16 * p, k), so that callers can split n at multiples of 16.
  size_t (*packed_bytes)(int64_t n, int64_t k);
  void (*pack)(int64_t n, int64_t k, const int8_t* w, void* packed);  // w: [n, k] row-major
  void (*unpack)(int64_t n, int64_t k, const void* packed, int8_t* w);
  void (*run)(const GemmS8Args& args);
};

struct GemmS8Kernels {
  GemmS8Format bits8;
  GemmS8Format bits7;  // for codes of 0..127; larger codes give wrong sums

  const GemmS8Format& format(int activation_bits) const {
    return activation_bits == 7 ? bits7 : bits8;
  }
};

#define SINTER_KERNEL(isa, name) const GemmS8Kernels& name();
#include "kernels/gemm_s8/kernels.inc"
#undef SINTER_KERNEL

KernelRows<GemmS8Kernels> gemm_s8_rows();

}  // namespace sinter
