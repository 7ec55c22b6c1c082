// gemmS8 of the test addon: rows(), packedBytes(row, { bits, n, k }), pack(row, args), unpack(row,
// args), run(row, args), bench(row, shape, seconds). Arguments are objects with the names of
// gemm_s8.h in camelCase; `bits` is the width of the activation codes.
#include "kernels/gemm_s8/gemm_s8.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

int64_t padded_k(int64_t k) { return (k + kGemmS8KAlign - 1) / kGemmS8KAlign * kGemmS8KAlign; }

// The format of a row for { bits } (default 8).
const GemmS8Format& format_of(const Napi::CallbackInfo& info) {
  const int64_t bits = int_of(info[1].As<Napi::Object>(), "bits", 8);
  if (bits != 7 && bits != 8) throw Napi::RangeError::New(info.Env(), "bits must be 7 or 8");
  return row_named(gemm_s8_rows(), info[0]).format(static_cast<int>(bits));
}

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), gemm_s8_rows()); }

Napi::Value packed_bytes(const Napi::CallbackInfo& info) {
  const GemmS8Format& kernels = format_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n"), k = int_of(o, "k");
  return Napi::Number::New(info.Env(), static_cast<double>(kernels.packed_bytes(n, k)));
}

Napi::Value pack(const Napi::CallbackInfo& info) {
  const GemmS8Format& kernels = format_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n"), k = int_of(o, "k");
  const int64_t bytes = static_cast<int64_t>(kernels.packed_bytes(n, k));
  kernels.pack(n, k, array_of<const int8_t>(o, "w", n * k), array_of<uint8_t>(o, "packed", bytes));
  return info.Env().Undefined();
}

Napi::Value unpack(const Napi::CallbackInfo& info) {
  const GemmS8Format& kernels = format_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n"), k = int_of(o, "k");
  const int64_t bytes = static_cast<int64_t>(kernels.packed_bytes(n, k));
  kernels.unpack(n, k, array_of<const uint8_t>(o, "packed", bytes),
                 array_of<int8_t>(o, "w", n * k));
  return info.Env().Undefined();
}

Napi::Value run(const Napi::CallbackInfo& info) {
  const GemmS8Format& kernels = format_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  GemmS8Args args = {};
  args.m = int_of(o, "m");
  args.n = int_of(o, "n");
  args.k = int_of(o, "k");
  args.a_row = int_of(o, "aRow", padded_k(args.k));
  args.a = array_of<const uint8_t>(o, "a",
                                   args.m > 0 ? (args.m - 1) * args.a_row + padded_k(args.k) : 0);
  args.a_scale = array_of<const float>(o, "aScale", args.m);
  args.a_zero = array_of<const int32_t>(o, "aZero", args.m);
  args.b = array_of<const uint8_t>(o, "packed",
                                   static_cast<int64_t>(kernels.packed_bytes(args.n, args.k)));
  args.w_scale = array_of<const float>(o, "wScale", args.n);
  args.w_sum = array_of<const int32_t>(o, "wSum", args.n);
  args.c_row = int_of(o, "cRow", args.n);
  args.c =
      array_of<float>(o, "c", args.m > 0 && args.n > 0 ? (args.m - 1) * args.c_row + args.n : 0);
  args.bias = optional_array_of<const float>(o, "bias", args.n);
  args.activation = static_cast<Activation>(int_of(o, "activation", 0));
  kernels.run(args);
  return info.Env().Undefined();
}

// shape: { m, n, k, bits?, activation? }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const GemmS8Format& kernels = format_of(info);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const double seconds = info[2].As<Napi::Number>().DoubleValue();
  const int64_t m = int_of(shape, "m"), n = int_of(shape, "n"), k = int_of(shape, "k");
  const int64_t a_row = padded_k(k);
  AlignedBuffer<uint8_t> a(m * a_row), packed(static_cast<int64_t>(kernels.packed_bytes(n, k)));
  AlignedBuffer<int8_t> w(n * k);
  AlignedBuffer<float> c(m * n), a_scale(m), w_scale(n), bias(n);
  AlignedBuffer<int32_t> a_zero(m), w_sum(n);
  // Nearly normal numbers, like the weights of a model: the sum of four uniform ones, spread over a
  // third of the range.
  for (int64_t i = 0; i < n * k; ++i) {
    int64_t sum = 0;
    for (int64_t part : {7919, 104729, 1299709, 15485863}) sum += i * part / 64 % 64;
    w[i] = static_cast<int8_t>(sum - 126);
  }
  for (int64_t i = 0; i < m; ++i) {
    a_scale[i] = 0.01f;
    a_zero[i] = 100;
    for (int64_t p = 0; p < k; ++p) a[i * a_row + p] = static_cast<uint8_t>((i + p) * 31 % 128);
  }
  for (int64_t j = 0; j < n; ++j) w_scale[j] = 0.01f;
  kernels.pack(n, k, w.data(), packed.data());
  const GemmS8Args args = {m,
                           n,
                           k,
                           a.data(),
                           a_row,
                           a_scale.data(),
                           a_zero.data(),
                           packed.data(),
                           w_scale.data(),
                           w_sum.data(),
                           c.data(),
                           n,
                           bias.data(),
                           static_cast<Activation>(int_of(shape, "activation", 0))};
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return time_calls(info.Env(), seconds, flops, static_cast<double>(m * k + n * k + 4 * m * n),
                    [&] { kernels.run(args); });
}

}  // namespace

void export_gemm_s8_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("packedBytes", Napi::Function::New(env, packed_bytes));
  family.Set("pack", Napi::Function::New(env, pack));
  family.Set("unpack", Napi::Function::New(env, unpack));
  family.Set("run", Napi::Function::New(env, run));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("gemmS8", family);
}

}  // namespace sinter
