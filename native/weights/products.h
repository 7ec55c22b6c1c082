// Matrix products of a pass with packed weights, split among its lanes. The split changes no bit:
// every output is one sum in a fixed order.
#pragma once

#include <cstdint>

#include "kernels/kernel_set.h"
#include "weights/lanes.h"

namespace sinter {

// y = activation(x W^T + bias), where W is a pack: x [rows, width of W], y [rows, rows of W], both
// dense.
struct Product {
  int64_t rows;
  const float* x;
  const float* bias;       // nullptr: none
  const float* equalizer;  // x is multiplied by it per channel; nullptr: none
  Activation activation;
  float* y;
};

// C = activation(A B + bias) in f32; B is packed.
void product_f32(Lanes& lanes, const GemmF32Args& args);
// The int8 product (gemm_s8.h); args.b is packed in the format of `gemm`.
void product_s8(Lanes& lanes, const GemmS8Format& gemm, const GemmS8Args& args);

// A reference to a callable widen(begin, end, to) that writes rows [begin, end) of a matrix as f32.
class WidenRows {
 public:
  template <typename F>
  WidenRows(const F& body)  // NOLINT: implicit on purpose, like a function_ref
      : object_(&body), call_([](const void* object, int64_t begin, int64_t end, float* to) {
          (*static_cast<const F*>(object))(begin, end, to);
        }) {}
  void operator()(int64_t begin, int64_t end, float* to) const { call_(object_, begin, end, to); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t, float*);
};

// The f32 product with a matrix [n, k] that is widened and packed a few rows at a time. It gives
// the bits of product_f32 over the widened matrix, without memory for that matrix.
void product_widened(Lanes& lanes, int64_t n, int64_t k, WidenRows widen, const Product& product);

// Packs B [k, n], where B[i, j] = b[i * b_row + j * b_col], into the scratch of the op.
const float* pack_shared(Lanes& lanes, int64_t k, int64_t n, const float* b, int64_t b_row,
                         int64_t b_col);

}  // namespace sinter
