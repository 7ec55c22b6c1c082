// pool of the test addon: rows(), forward, backward ({ kind, width, offsets, skipped?, x, y | dy,
// dx }), normalizeForward, normalizeBackward ({ rows, width, x, y | dy, dx }) and bench(row, shape,
// seconds).
#include "kernels/pool/pool.h"

#include <napi.h>

#include <vector>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

struct Batch {
  int64_t sequences, width, tokens;
  const int32_t* offsets;
};

Batch batch_of(const Napi::Object& o) {
  const int64_t sequences = int_of(o, "sequences");
  const int32_t* offsets = array_of<const int32_t>(o, "offsets", sequences + 1);
  for (int64_t s = 0; s < sequences; ++s) {
    if (offsets[s] < 0 || offsets[s + 1] <= offsets[s]) {
      throw Napi::RangeError::New(o.Env(), "offsets must increase");
    }
  }
  return {sequences, int_of(o, "width"), offsets[sequences] - offsets[0], offsets};
}

Napi::Value rows(const Napi::CallbackInfo& info) { return rows_value(info.Env(), pool_rows()); }

Napi::Value forward(const Napi::CallbackInfo& info) {
  const PoolKernels& kernels = row_named(pool_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const Batch b = batch_of(o);
  kernels.forward(static_cast<Pooling>(int_of(o, "kind")), b.sequences, b.width, b.offsets,
                  int_of(o, "skipped", 0), array_of<const float>(o, "x", b.tokens * b.width),
                  array_of<float>(o, "y", b.sequences * b.width));
  return info.Env().Undefined();
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  const PoolKernels& kernels = row_named(pool_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const Batch b = batch_of(o);
  kernels.backward(static_cast<Pooling>(int_of(o, "kind")), b.sequences, b.width, b.offsets,
                   array_of<const float>(o, "x", b.tokens * b.width),
                   array_of<const float>(o, "dy", b.sequences * b.width),
                   array_of<float>(o, "dx", b.tokens * b.width));
  return info.Env().Undefined();
}

Napi::Value normalize_forward(const Napi::CallbackInfo& info) {
  const PoolKernels& kernels = row_named(pool_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), width = int_of(o, "width");
  kernels.normalize_forward(count, width, array_of<const float>(o, "x", count * width),
                            array_of<float>(o, "y", count * width));
  return info.Env().Undefined();
}

Napi::Value normalize_backward(const Napi::CallbackInfo& info) {
  const PoolKernels& kernels = row_named(pool_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t count = int_of(o, "rows"), width = int_of(o, "width");
  kernels.normalize_backward(count, width, array_of<const float>(o, "x", count * width),
                             array_of<const float>(o, "dy", count * width),
                             array_of<float>(o, "dx", count * width));
  return info.Env().Undefined();
}

// shape: { kind, sequences, length, width }
Napi::Value bench(const Napi::CallbackInfo& info) {
  const PoolKernels& kernels = row_named(pool_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t sequences = int_of(shape, "sequences"), length = int_of(shape, "length");
  const int64_t width = int_of(shape, "width");
  const auto kind = static_cast<Pooling>(int_of(shape, "kind", 0));
  std::vector<int32_t> offsets(static_cast<size_t>(sequences) + 1);
  for (size_t s = 0; s < offsets.size(); ++s)
    offsets[s] = static_cast<int32_t>(s) * static_cast<int32_t>(length);
  AlignedBuffer<float> x(sequences * length * width), y(sequences * width);
  return time_calls(
      info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
      4.0 * static_cast<double>(sequences * (length + 1) * width),
      [&] { kernels.forward(kind, sequences, width, offsets.data(), 0, x.data(), y.data()); });
}

}  // namespace

void export_pool_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("backward", Napi::Function::New(env, backward));
  family.Set("normalizeForward", Napi::Function::New(env, normalize_forward));
  family.Set("normalizeBackward", Napi::Function::New(env, normalize_backward));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("pool", family);
}

}  // namespace sinter
