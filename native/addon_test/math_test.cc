// math of the test addon: log(x), exp(x) and power(x, n), the functions that every machine computes
// to the same bits.
#include <napi.h>

#include "addon_test/families.h"
#include "ops/portable_math.h"

namespace sinter {
namespace {

double double_at(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().DoubleValue();
}

Napi::Value log(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), portable_log(double_at(info, 0)));
}

Napi::Value exp(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), portable_exp(double_at(info, 0)));
}

Napi::Value power(const Napi::CallbackInfo& info) {
  const int64_t n = info[1].As<Napi::Number>().Int64Value();
  return Napi::Number::New(info.Env(), portable_power(double_at(info, 0), n));
}

}  // namespace

void export_math_test(Napi::Env env, Napi::Object exports) {
  Napi::Object math = Napi::Object::New(env);
  math.Set("log", Napi::Function::New(env, log));
  math.Set("exp", Napi::Function::New(env, exp));
  math.Set("power", Napi::Function::New(env, power));
  exports.Set("math", math);
}

}  // namespace sinter
