// softmax of the test addon: rows(), forward ({ rows, n, x, y }), crossEntropy ({ rows, n, x,
// label, weight, loss, dx? }) and bench(row, shape, seconds).
#include "kernels/softmax/softmax.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), softmax_rows()); }

Napi::Value forward(const Napi::CallbackInfo& info) {
  const SoftmaxKernels& kernels = row_named(softmax_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  kernels.forward(count, n, array_of<const float>(o, "x", count * n),
                  array_of<float>(o, "y", count * n));
  return info.Env().Undefined();
}

Napi::Value cross_entropy(const Napi::CallbackInfo& info) {
  const SoftmaxKernels& kernels = row_named(softmax_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  const int32_t* label = array_of<const int32_t>(o, "label", count);
  for (int64_t i = 0; i < count; ++i) {
    if (label[i] >= n) throw Napi::RangeError::New(info.Env(), "label must be below n");
  }
  kernels.cross_entropy(count, n, array_of<const float>(o, "x", count * n), label,
                        static_cast<float>(number_of(o, "weight", 1.0)),
                        array_of<float>(o, "loss", count),
                        optional_array_of<float>(o, "dx", count * n));
  return info.Env().Undefined();
}

// shape: { rows, n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const SoftmaxKernels& kernels = row_named(softmax_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t count = int_of(shape, "rows"), n = int_of(shape, "n");
  AlignedBuffer<float> x(count * n), y(count * n);
  for (int64_t i = 0; i < count * n; ++i) x[i] = static_cast<float>(i * 7919 % 256) / 32.0f;
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    8.0 * static_cast<double>(count * n),
                    [&] { kernels.forward(count, n, x.data(), y.data()); });
}

}  // namespace

void export_softmax_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("crossEntropy", Napi::Function::New(env, cross_entropy));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("softmax", family);
}

}  // namespace sinter
