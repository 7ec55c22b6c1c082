// The last step of both GEMM epilogues: the activation of a finished tile of C, in place. Include
// after one header of base/simd. It works on whole vectors: columns up to the next multiple of 16
// must be memory of the tile.
#pragma once

#include "kernels/activation/activation_math.h"

namespace sinter {
namespace {

template <class V, Activation kActivation>
void activate_tile(int64_t rows, int64_t columns, float* c, int64_t c_row) {
  const auto apply = [&]<int count>(float* at, V(&x)[count]) {
#pragma GCC unroll 4
    for (int q = 0; q < count; ++q) x[q] = V::load(at + q * c_row);
    activate_all(kActivation, x);
#pragma GCC unroll 4
    for (int q = 0; q < count; ++q) x[q].store(at + q * c_row);
  };
  V many[kTogether<V>], one[1];
  for (int64_t j = 0; j < columns; j += 16) {
    int64_t r = 0;
    for (; r + kTogether<V> <= rows; r += kTogether<V>) apply(c + r * c_row + j, many);
    for (; r < rows; ++r) apply(c + r * c_row + j, one);
  }
}

template <class V>
void activate_rows(Activation activation, int64_t rows, int64_t columns, float* c, int64_t c_row) {
  switch (activation) {
    case Activation::none:
      return;
    case Activation::gelu:
      return activate_tile<V, Activation::gelu>(rows, columns, c, c_row);
    case Activation::gelu_tanh:
      return activate_tile<V, Activation::gelu_tanh>(rows, columns, c, c_row);
    case Activation::relu:
      return activate_tile<V, Activation::relu>(rows, columns, c, c_row);
    case Activation::tanh:
      return activate_tile<V, Activation::tanh>(rows, columns, c, c_row);
    case Activation::silu:
      return activate_tile<V, Activation::silu>(rows, columns, c, c_row);
    case Activation::quick_gelu:
      return activate_tile<V, Activation::quick_gelu>(rows, columns, c, c_row);
  }
}

}  // namespace
}  // namespace sinter
