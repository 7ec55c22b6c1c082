// norm of the test addon: rows(), forward, backwardInput, backwardParams (row, args) and bench(row,
// shape, seconds). Arguments have the names of norm.h in camelCase; `rows` is the number of rows,
// `rms` chooses the form.
#include "kernels/norm/norm.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), norm_rows()); }

const NormForm& form_of(const Napi::CallbackInfo& info) {
  const NormKernels& kernels = row_named(norm_rows(), info[0]);
  return flag_of(info[1].As<Napi::Object>(), "rms") ? kernels.rms : kernels.layer;
}

Napi::Value forward(const Napi::CallbackInfo& info) {
  const NormForm& form = form_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  form.forward(count, n, array_of<const float>(o, "x", count * n),
               optional_array_of<const float>(o, "residual", count * n),
               array_of<const float>(o, "weight", n), optional_array_of<const float>(o, "bias", n),
               static_cast<float>(number_of(o, "epsilon", 1e-12)),
               optional_array_of<float>(o, "sum", count * n),
               optional_array_of<float>(o, "mean", count),
               optional_array_of<float>(o, "rstd", count), array_of<float>(o, "y", count * n));
  return info.Env().Undefined();
}

Napi::Value backward_input(const Napi::CallbackInfo& info) {
  const NormForm& form = form_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  form.backward_input(
      count, n, array_of<const float>(o, "s", count * n),
      optional_array_of<const float>(o, "mean", count), array_of<const float>(o, "rstd", count),
      array_of<const float>(o, "weight", n), array_of<const float>(o, "dy", count * n),
      array_of<float>(o, "ds", count * n));
  return info.Env().Undefined();
}

Napi::Value backward_params(const Napi::CallbackInfo& info) {
  const NormForm& form = form_of(info);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n");
  const int64_t begin = int_of(o, "begin", 0), end = int_of(o, "end", n);
  if (begin < 0 || begin > end || end > n) {
    throw Napi::RangeError::New(info.Env(), "begin and end must be columns");
  }
  form.backward_params(count, n, begin, end, array_of<const float>(o, "s", count * n),
                       optional_array_of<const float>(o, "mean", count),
                       array_of<const float>(o, "rstd", count),
                       array_of<const float>(o, "dy", count * n), array_of<float>(o, "dweight", n),
                       optional_array_of<float>(o, "dbias", n));
  return info.Env().Undefined();
}

// shape: { rows, n, backward? }. forward has a residual and keeps no statistics, as at inference;
// `backward` times the gradient of the input.
Napi::Value bench(const Napi::CallbackInfo& info) {
  const NormForm& form = form_of(info);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t count = int_of(shape, "rows"), n = int_of(shape, "n");
  AlignedBuffer<float> x(count * n), r(count * n), w(n), b(n), y(count * n), mean(count),
      rstd(count);
  for (int64_t i = 0; i < count * n; ++i) r[i] = x[i] = static_cast<float>(i * 7919 % 256) / 128.0f;
  for (int64_t i = 0; i < count; ++i) rstd[i] = 1.0f;
  const bool backward = flag_of(shape, "backward");
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    12.0 * static_cast<double>(count * n), [&] {
                      if (backward) {
                        form.backward_input(count, n, x.data(), mean.data(), rstd.data(), w.data(),
                                            r.data(), y.data());
                      } else {
                        form.forward(count, n, x.data(), r.data(), w.data(), b.data(), 1e-12f,
                                     nullptr, nullptr, nullptr, y.data());
                      }
                    });
}

}  // namespace

void export_norm_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("backwardInput", Napi::Function::New(env, backward_input));
  family.Set("backwardParams", Napi::Function::New(env, backward_params));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("norm", family);
}

}  // namespace sinter
