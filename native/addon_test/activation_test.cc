// activation of the test addon: rows(), forward, backward, gateForward, gateBackward (row, args)
// and bench(row, shape, seconds).
#include "kernels/activation/activation.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) {
  return rows_value(info.Env(), activation_rows());
}

// { kind, n, x, y }
Napi::Value forward(const Napi::CallbackInfo& info) {
  const ActivationKernels& kernels = row_named(activation_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.forward(static_cast<Activation>(int_of(o, "kind")), n, array_of<const float>(o, "x", n),
                  array_of<float>(o, "y", n));
  return info.Env().Undefined();
}

// { kind, n, x, dy, dx }
Napi::Value backward(const Napi::CallbackInfo& info) {
  const ActivationKernels& kernels = row_named(activation_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.backward(static_cast<Activation>(int_of(o, "kind")), n, array_of<const float>(o, "x", n),
                   array_of<const float>(o, "dy", n), array_of<float>(o, "dx", n));
  return info.Env().Undefined();
}

// { kind, rows, n, x, y }
Napi::Value gate_forward(const Napi::CallbackInfo& info) {
  const ActivationKernels& kernels = row_named(activation_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  kernels.gate_forward(static_cast<Activation>(int_of(o, "kind")), count, n,
                       array_of<const float>(o, "x", 2 * count * n),
                       array_of<float>(o, "y", count * n));
  return info.Env().Undefined();
}

// { kind, rows, n, x, dy, dx }
Napi::Value gate_backward(const Napi::CallbackInfo& info) {
  const ActivationKernels& kernels = row_named(activation_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  kernels.gate_backward(static_cast<Activation>(int_of(o, "kind")), count, n,
                        array_of<const float>(o, "x", 2 * count * n),
                        array_of<const float>(o, "dy", count * n),
                        array_of<float>(o, "dx", 2 * count * n));
  return info.Env().Undefined();
}

// shape: { kind, n, backward? }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const ActivationKernels& kernels = row_named(activation_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t n = int_of(shape, "n");
  const auto kind = static_cast<Activation>(int_of(shape, "kind"));
  const bool backward = flag_of(shape, "backward");
  AlignedBuffer<float> x(n), y(n);
  for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(i * 7919 % 256 - 128) / 32.0f;
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    (backward ? 12.0 : 8.0) * static_cast<double>(n), [&] {
                      if (backward) {
                        kernels.backward(kind, n, x.data(), x.data(), y.data());
                      } else {
                        kernels.forward(kind, n, x.data(), y.data());
                      }
                    });
}

}  // namespace

void export_activation_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("backward", Napi::Function::New(env, backward));
  family.Set("gateForward", Napi::Function::New(env, gate_forward));
  family.Set("gateBackward", Napi::Function::New(env, gate_backward));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("activation", family);
}

}  // namespace sinter
