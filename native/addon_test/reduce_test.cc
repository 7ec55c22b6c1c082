// reduce of the test addon: rows(), addRows ({ rows, n, xRow, x, out }), add ({ n, a, b, y }) and
// bench(row, shape, seconds).
#include "kernels/reduce/reduce.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), reduce_rows()); }

Napi::Value add_rows(const Napi::CallbackInfo& info) {
  const ReduceKernels& kernels = row_named(reduce_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), n = int_of(o, "n"), x_row = int_of(o, "xRow", n);
  const int64_t span = count > 0 ? (count - 1) * x_row + n : 0;
  kernels.add_rows(count, n, array_of<const float>(o, "x", span), x_row,
                   array_of<float>(o, "out", n));
  return info.Env().Undefined();
}

Napi::Value add(const Napi::CallbackInfo& info) {
  const ReduceKernels& kernels = row_named(reduce_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.add(n, array_of<const float>(o, "a", n), array_of<const float>(o, "b", n),
              array_of<float>(o, "y", n));
  return info.Env().Undefined();
}

// shape: { rows, n }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const ReduceKernels& kernels = row_named(reduce_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t count = int_of(shape, "rows"), n = int_of(shape, "n");
  AlignedBuffer<float> x(count * n), out(n);
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    4.0 * static_cast<double>(count * n),
                    [&] { kernels.add_rows(count, n, x.data(), n, out.data()); });
}

}  // namespace

void export_reduce_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("addRows", Napi::Function::New(env, add_rows));
  family.Set("add", Napi::Function::New(env, add));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("reduce", family);
}

}  // namespace sinter
