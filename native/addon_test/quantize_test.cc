// quantize of the test addon: rows(), rowsU8 ({ bits, rows, n, xRow, qRow, x,
// equalizer?, q, scale, zero }),
// weightsS8 ({ rows, n, w, q, scale, sum? }) and bench(row, shape, seconds).
#include "kernels/quantize/quantize.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), quantize_rows()); }

Napi::Value rows_u8(const Napi::CallbackInfo& info) {
  const QuantizeKernels& kernels = row_named(quantize_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  const int64_t x_row = int_of(o, "xRow", n), q_row = int_of(o, "qRow", n);
  if (q_row < n) throw Napi::RangeError::New(info.Env(), "qRow must be at least n");
  const int64_t span = count > 0 ? (count - 1) * x_row + n : 0;
  const int64_t bits = int_of(o, "bits", 8);
  if (bits != 7 && bits != 8) throw Napi::RangeError::New(info.Env(), "bits must be 7 or 8");
  kernels.rows_u8(static_cast<int>(bits), count, n, array_of<const float>(o, "x", span), x_row,
                  optional_array_of<const float>(o, "equalizer", n),
                  array_of<uint8_t>(o, "q", count * q_row), q_row,
                  array_of<float>(o, "scale", count), array_of<int32_t>(o, "zero", count));
  return info.Env().Undefined();
}

Napi::Value weights_s8(const Napi::CallbackInfo& info) {
  const QuantizeKernels& kernels = row_named(quantize_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  kernels.weights_s8(count, n, array_of<const float>(o, "w", count * n),
                     array_of<int8_t>(o, "q", count * n), array_of<float>(o, "scale", count),
                     optional_array_of<int32_t>(o, "sum", count));
  return info.Env().Undefined();
}

// shape: { rows, n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const QuantizeKernels& kernels = row_named(quantize_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t count = int_of(shape, "rows"), n = int_of(shape, "n"), q_row = (n + 63) / 64 * 64;
  AlignedBuffer<float> x(count * n), scale(count);
  AlignedBuffer<uint8_t> q(count * q_row);
  AlignedBuffer<int32_t> zero(count);
  for (int64_t i = 0; i < count * n; ++i) x[i] = static_cast<float>(i * 7919 % 256 - 99) / 32.0f;
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    5.0 * static_cast<double>(count * n), [&] {
                      kernels.rows_u8(8, count, n, x.data(), n, nullptr, q.data(), q_row,
                                      scale.data(), zero.data());
                    });
}

}  // namespace

void export_quantize_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("rowsU8", Napi::Function::New(env, rows_u8));
  family.Set("weightsS8", Napi::Function::New(env, weights_s8));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("quantize", family);
}

}  // namespace sinter
