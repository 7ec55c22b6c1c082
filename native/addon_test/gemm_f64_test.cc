// gemmF64 of the test addon: rows(), run(row, { m, n, k, a, b, c, cRow, subtract }) with packed a
// and b, dot(row, { n, x, y }), addScaled(row, { n, factor, x, y }), rotate(row, { n, cosine, sine,
// x, y }) and bench(row, shape, seconds).
#include "kernels/gemm_f64/gemm_f64.h"

#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

int64_t packed_doubles(int64_t count, int64_t k, int64_t panel) {
  return (count + panel - 1) / panel * panel * k;
}

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), gemm_f64_rows()); }

Napi::Value run(const Napi::CallbackInfo& info) {
  const GemmF64Kernels& kernels = row_named(gemm_f64_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  GemmF64Args args = {};
  args.m = int_of(o, "m");
  args.n = int_of(o, "n");
  args.k = int_of(o, "k");
  args.a = array_of<const double>(o, "a", packed_doubles(args.m, args.k, kF64RowPanel));
  args.b = array_of<const double>(o, "b", packed_doubles(args.n, args.k, kF64ColumnPanel));
  args.c_row = int_of(o, "cRow", args.n);
  args.c = array_of<double>(o, "c", args.m > 0 ? (args.m - 1) * args.c_row + args.n : 0);
  args.subtract = flag_of(o, "subtract");
  kernels.run(args);
  return info.Env().Undefined();
}

Napi::Value dot(const Napi::CallbackInfo& info) {
  const GemmF64Kernels& kernels = row_named(gemm_f64_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  return Napi::Number::New(info.Env(), kernels.dot(n, array_of<const double>(o, "x", n),
                                                   array_of<const double>(o, "y", n)));
}

Napi::Value add_scaled(const Napi::CallbackInfo& info) {
  const GemmF64Kernels& kernels = row_named(gemm_f64_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.add_scaled(n, number_of(o, "factor", 1.0), array_of<const double>(o, "x", n),
                     array_of<double>(o, "y", n));
  return info.Env().Undefined();
}

Napi::Value rotate(const Napi::CallbackInfo& info) {
  const GemmF64Kernels& kernels = row_named(gemm_f64_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t n = int_of(o, "n");
  kernels.rotate(n, number_of(o, "cosine", 1.0), number_of(o, "sine", 0.0),
                 array_of<double>(o, "x", n), array_of<double>(o, "y", n));
  return info.Env().Undefined();
}

// shape: { m, n, k }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const GemmF64Kernels& kernels = row_named(gemm_f64_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t m = int_of(shape, "m"), n = int_of(shape, "n"), k = int_of(shape, "k");
  AlignedBuffer<double> a(packed_doubles(m, k, kF64RowPanel)),
      b(packed_doubles(n, k, kF64ColumnPanel)), c(m * n);
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), flops,
                    8.0 * static_cast<double>(m * k + n * k + m * n),
                    [&] { kernels.run({m, n, k, a.data(), b.data(), c.data(), n, false}); });
}

}  // namespace

void export_gemm_f64_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("run", Napi::Function::New(env, run));
  family.Set("dot", Napi::Function::New(env, dot));
  family.Set("addScaled", Napi::Function::New(env, add_scaled));
  family.Set("rotate", Napi::Function::New(env, rotate));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("gemmF64", family);
}

}  // namespace sinter
