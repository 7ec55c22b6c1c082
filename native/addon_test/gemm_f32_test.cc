// gemmF32 of the test addon: rows(), pack(row, args), unpack(row, args), run(row, args), bench(row,
// shape, seconds). Arguments are objects with the names of gemm_f32.h in camelCase.
#include "kernels/gemm_f32/gemm_f32.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

// Elements from the first to the last of a `rows` x `columns` matrix with two strides.
int64_t span(int64_t rows, int64_t columns, int64_t row, int64_t column) {
  return rows > 0 && columns > 0 ? (rows - 1) * row + (columns - 1) * column + 1 : 0;
}

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), gemm_f32_rows()); }

Napi::Value pack(const Napi::CallbackInfo& info) {
  const GemmF32Kernels& kernels = row_named(gemm_f32_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t k = int_of(o, "k"), n = int_of(o, "n"), row = int_of(o, "bRow"),
                col = int_of(o, "bCol");
  kernels.pack(k, n, array_of<const float>(o, "b", span(k, n, row, col)), row, col,
               array_of<float>(o, "packed", gemm_f32_packed_floats(k, n)));
  return info.Env().Undefined();
}

Napi::Value unpack(const Napi::CallbackInfo& info) {
  const GemmF32Kernels& kernels = row_named(gemm_f32_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t k = int_of(o, "k"), n = int_of(o, "n"), row = int_of(o, "bRow"),
                col = int_of(o, "bCol");
  kernels.unpack(k, n, array_of<const float>(o, "packed", gemm_f32_packed_floats(k, n)), row, col,
                 array_of<float>(o, "b", span(k, n, row, col)));
  return info.Env().Undefined();
}

Napi::Value run(const Napi::CallbackInfo& info) {
  const GemmF32Kernels& kernels = row_named(gemm_f32_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  GemmF32Args args = {};
  args.m = int_of(o, "m");
  args.n = int_of(o, "n");
  args.k = int_of(o, "k");
  args.a_row = int_of(o, "aRow", args.k);
  args.a_col = int_of(o, "aCol", 1);
  args.a = array_of<const float>(o, "a", span(args.m, args.k, args.a_row, args.a_col));
  args.b = array_of<const float>(o, "packed", gemm_f32_packed_floats(args.k, args.n));
  args.c_row = int_of(o, "cRow", args.n);
  args.c = array_of<float>(o, "c", span(args.m, args.n, args.c_row, 1));
  args.bias = optional_array_of<const float>(o, "bias", args.n);
  args.activation = static_cast<Activation>(int_of(o, "activation", 0));
  args.accumulate = flag_of(o, "accumulate");
  kernels.run(args);
  return info.Env().Undefined();
}

void fill(AlignedBuffer<float>& buffer, int64_t count) {
  for (int64_t i = 0; i < count; ++i) buffer[i] = static_cast<float>(i * 7919 % 256 - 128) / 128.0f;
}

// shape: { m, n, k, transposedA?, accumulate?, activation?, pack? }. With `pack` the bench times
// the packing of W[n, k].
Napi::Value bench(const Napi::CallbackInfo& info) {
  const GemmF32Kernels& kernels = row_named(gemm_f32_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const double seconds = info[2].As<Napi::Number>().DoubleValue();
  const int64_t m = int_of(shape, "m", 0), n = int_of(shape, "n"), k = int_of(shape, "k");
  // Number of weight matrices that take turns. With more than the caches hold, weights come from
  // memory, as those of a model do for a short text.
  const int64_t matrices = int_of(shape, "matrices", 1), floats = gemm_f32_packed_floats(k, n);
  AlignedBuffer<float> a(m * k), w(n * k), packed(matrices * floats), c(m * n), bias(n);
  fill(a, m * k);
  fill(w, n * k);
  fill(bias, n);
  for (int64_t i = 0; i < matrices; ++i) {
    kernels.pack(k, n, w.data(), 1, k, packed.data() + i * floats);
  }
  if (flag_of(shape, "pack")) {
    return time_calls(info.Env(), seconds, 0.0, 8.0 * static_cast<double>(n * k),
                      [&] { kernels.pack(k, n, w.data(), 1, k, packed.data()); });
  }
  const bool transposed = flag_of(shape, "transposedA"), accumulate = flag_of(shape, "accumulate");
  GemmF32Args args = {m,
                      n,
                      k,
                      a.data(),
                      transposed ? 1 : k,
                      transposed ? m : 1,
                      packed.data(),
                      c.data(),
                      n,
                      accumulate ? nullptr : bias.data(),
                      static_cast<Activation>(int_of(shape, "activation", 0)),
                      accumulate};
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return time_calls(info.Env(), seconds, flops, 4.0 * static_cast<double>(m * k + n * k + m * n),
                    [&, turn = int64_t{0}]() mutable {
                      args.b = packed.data() + turn * floats;
                      turn = (turn + 1) % matrices;
                      kernels.run(args);
                    });
}

}  // namespace

void export_gemm_f32_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("pack", Napi::Function::New(env, pack));
  family.Set("unpack", Napi::Function::New(env, unpack));
  family.Set("run", Napi::Function::New(env, run));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("gemmF32", family);
}

}  // namespace sinter
