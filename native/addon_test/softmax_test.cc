// softmax of the test addon: rows(), forward ({ rows, n, x, y }), crossEntropy ({ rows, n, x,
// label, weight, loss, dx? }), bench(row, shape, seconds), and exponential({ base2, n, x, y }):
// y[i] = exp(x[i]) or 2^x[i] as the scalar row of softmax and attention take it, n a multiple
// of 16.
#include "kernels/softmax/softmax.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"
#include "base/simd/scalar.h"
//
#include "kernels/softmax/softmax_math.h"

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

Napi::Value exponential(const Napi::CallbackInfo& info) {
  const Napi::Object o = info[0].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  const bool base2 = flag_of(o, "base2");
  const float* x = array_of<const float>(o, "x", n);
  float* y = array_of<float>(o, "y", n);
  for (int64_t i = 0; i + 16 <= n; i += 16) {
    F32x16 value[1] = {F32x16::load(x + i)};
    if (base2) {
      exp2_nonpositive(value);
    } else {
      value[0] = exp(value[0]);
    }
    value[0].store(y + i);
  }
  return info.Env().Undefined();
}

}  // namespace

void export_softmax_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("crossEntropy", Napi::Function::New(env, cross_entropy));
  family.Set("exponential", Napi::Function::New(env, exponential));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("softmax", family);
}

}  // namespace sinter
