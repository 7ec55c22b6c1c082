// dropout of the test addon: rows(), apply ({ n, keyLow, keyHigh, indexLow, indexHigh, threshold,
// keepScale, x, y }) and bench(row, shape, seconds).
#include "kernels/dropout/dropout.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), dropout_rows()); }

uint64_t halves(const Napi::Object& o, const char* low, const char* high) {
  return static_cast<uint64_t>(int_of(o, high, 0)) << 32 | static_cast<uint64_t>(int_of(o, low, 0));
}

Napi::Value apply(const Napi::CallbackInfo& info) {
  const DropoutKernels& kernels = row_named(dropout_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.apply(n, halves(o, "keyLow", "keyHigh"), halves(o, "indexLow", "indexHigh"),
                static_cast<uint32_t>(int_of(o, "threshold")),
                static_cast<float>(number_of(o, "keepScale", 1.0)),
                array_of<const float>(o, "x", n), array_of<float>(o, "y", n));
  return info.Env().Undefined();
}

// shape: { n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const DropoutKernels& kernels = row_named(dropout_rows(), info[0]);
  const int64_t n = int_of(info[1].As<Napi::Object>(), "n");
  AlignedBuffer<float> x(n), y(n);
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    8.0 * static_cast<double>(n),
                    [&] { kernels.apply(n, 7, 0, 429496730u, 1.0f / 0.9f, x.data(), y.data()); });
}

}  // namespace

void export_dropout_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("apply", Napi::Function::New(env, apply));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("dropout", family);
}

}  // namespace sinter
