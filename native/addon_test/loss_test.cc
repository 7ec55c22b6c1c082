// loss of the test addon: rows(), binaryCrossEntropy and squaredError ({ rows, n, x, target,
// weight, loss, dx }), bench(row, shape, seconds).
#include "kernels/loss/loss.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

using Kernel = decltype(LossKernels::binary_cross_entropy);

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), loss_rows()); }

template <Kernel LossKernels::* kernel>
Napi::Value call(const Napi::CallbackInfo& info) {
  const LossKernels& kernels = row_named(loss_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  (kernels.*kernel)(count, n, array_of<const float>(o, "x", count * n),
                    array_of<const float>(o, "target", count * n),
                    static_cast<float>(number_of(o, "weight", 1.0)),
                    array_of<float>(o, "loss", count), array_of<float>(o, "dx", count * n));
  return info.Env().Undefined();
}

// shape: { rows, n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const LossKernels& kernels = row_named(loss_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t count = int_of(shape, "rows"), n = int_of(shape, "n");
  AlignedBuffer<float> x(count * n), target(count * n), dx(count * n), loss(count);
  for (int64_t i = 0; i < count * n; ++i) {
    x[i] = static_cast<float>(i * 7919 % 256 - 128) / 32.0f;
    target[i] = static_cast<float>(i % 2);
  }
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    12.0 * static_cast<double>(count * n), [&] {
                      kernels.binary_cross_entropy(count, n, x.data(), target.data(), 1.0f,
                                                   loss.data(), dx.data());
                    });
}

}  // namespace

void export_loss_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("binaryCrossEntropy",
             Napi::Function::New(env, call<&LossKernels::binary_cross_entropy>));
  family.Set("squaredError", Napi::Function::New(env, call<&LossKernels::squared_error>));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("loss", family);
}

}  // namespace sinter
