// optimizer of the test addon: rows(), adamw ({ n, lr, beta1, beta2, epsilon, decay, correction1,
// correction2, gradScale, p, grad, m, v }) and adam, lambMoments (returns [values, update]),
// lambApply (and ratio) with the same fields, lion ({ n, lr, beta1, beta2, decay, gradScale, p,
// grad, m }), sgd ({ n, lr, momentum, decay, gradScale, nesterov, p, grad, buffer }), scale ({ n,
// factor, p }), clamp ({ n, limit, x }), blend ({ n, rate, x, mean }), sumSquares ({ n, x }) and
// bench(row, shape, seconds).
#include "kernels/optimizer/optimizer.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) {
  return rows_value(info.Env(), optimizer_rows());
}

AdamWStep step_of(const Napi::Object& o) {
  AdamWStep step = {};
  step.lr = number_of(o, "lr", 1e-3);
  step.beta1 = number_of(o, "beta1", 0.9);
  step.beta2 = number_of(o, "beta2", 0.999);
  step.epsilon = number_of(o, "epsilon", 1e-8);
  step.decay = number_of(o, "decay", 0.01);
  step.correction1 = number_of(o, "correction1", 0.1);
  step.correction2 = number_of(o, "correction2", 0.001);
  step.grad_scale = number_of(o, "gradScale", 1.0);
  return step;
}

Napi::Value adamw(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.adamw(step_of(o), n, array_of<float>(o, "p", n), array_of<const float>(o, "grad", n),
                array_of<float>(o, "m", n), array_of<float>(o, "v", n));
  return info.Env().Undefined();
}

Napi::Value adam(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.adam(step_of(o), n, array_of<float>(o, "p", n), array_of<const float>(o, "grad", n),
               array_of<float>(o, "m", n), array_of<float>(o, "v", n));
  return info.Env().Undefined();
}

Napi::Value lamb_moments(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  const LambSquares squares = kernels.lamb_moments(
      step_of(o), n, array_of<const float>(o, "p", n), array_of<const float>(o, "grad", n),
      array_of<float>(o, "m", n), array_of<float>(o, "v", n));
  Napi::Array result = Napi::Array::New(info.Env());
  result.Set(0u, squares.values);
  result.Set(1u, squares.update);
  return result;
}

Napi::Value lamb_apply(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.lamb_apply(step_of(o), number_of(o, "ratio", 1.0), n, array_of<float>(o, "p", n),
                     array_of<const float>(o, "m", n), array_of<const float>(o, "v", n));
  return info.Env().Undefined();
}

Napi::Value lion(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  const LionStep step = {number_of(o, "lr", 1e-4), number_of(o, "beta1", 0.9),
                         number_of(o, "beta2", 0.99), number_of(o, "decay", 0.01),
                         number_of(o, "gradScale", 1.0)};
  kernels.lion(step, n, array_of<float>(o, "p", n), array_of<const float>(o, "grad", n),
               array_of<float>(o, "m", n));
  return info.Env().Undefined();
}

Napi::Value clamp(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.clamp(n, static_cast<float>(number_of(o, "limit", 1.0)), array_of<float>(o, "x", n));
  return info.Env().Undefined();
}

Napi::Value blend(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.blend(n, static_cast<float>(number_of(o, "rate", 0.1)), array_of<const float>(o, "x", n),
                array_of<float>(o, "mean", n));
  return info.Env().Undefined();
}

Napi::Value sgd(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  const SgdStep step = {number_of(o, "lr", 1e-2), number_of(o, "momentum", 0.9),
                        number_of(o, "decay", 0.0), number_of(o, "gradScale", 1.0),
                        number_of(o, "nesterov", 0.0) != 0};
  float* buffer = o.Get("buffer").IsNull() ? nullptr : array_of<float>(o, "buffer", n);
  kernels.sgd(step, n, array_of<float>(o, "p", n), array_of<const float>(o, "grad", n), buffer);
  return info.Env().Undefined();
}

Napi::Value scale(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.scale(n, static_cast<float>(number_of(o, "factor", 1.0)), array_of<float>(o, "p", n));
  return info.Env().Undefined();
}

Napi::Value sum_squares(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  return Napi::Number::New(info.Env(), kernels.sum_squares(n, array_of<const float>(o, "x", n)));
}

// shape: { n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const OptimizerKernels& kernels = row_named(optimizer_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t n = int_of(shape, "n");
  AlignedBuffer<float> p(n), grad(n), m(n), v(n);
  for (int64_t i = 0; i < n; ++i) grad[i] = static_cast<float>(i * 7919 % 255 - 127) / 32.0f;
  const AdamWStep step = step_of(shape);
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    28.0 * static_cast<double>(n),
                    [&] { kernels.adamw(step, n, p.data(), grad.data(), m.data(), v.data()); });
}

}  // namespace

void export_optimizer_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("adamw", Napi::Function::New(env, adamw));
  family.Set("adam", Napi::Function::New(env, adam));
  family.Set("lion", Napi::Function::New(env, lion));
  family.Set("lambMoments", Napi::Function::New(env, lamb_moments));
  family.Set("lambApply", Napi::Function::New(env, lamb_apply));
  family.Set("clamp", Napi::Function::New(env, clamp));
  family.Set("blend", Napi::Function::New(env, blend));
  family.Set("sgd", Napi::Function::New(env, sgd));
  family.Set("scale", Napi::Function::New(env, scale));
  family.Set("sumSquares", Napi::Function::New(env, sum_squares));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("optimizer", family);
}

}  // namespace sinter
