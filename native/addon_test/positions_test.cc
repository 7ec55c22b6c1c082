// positions of the test addon: t5Rows(buckets, maxDistance, longest, distances) and
// disentangledRows(...) -> Int32Array, rotary(theta, dimensions, positions) -> { cos, sin, shared
// }.
#include <napi.h>

#include <algorithm>

#include "addon_test/families.h"
#include "ops/relative_position.h"
#include "ops/rotary_table.h"

namespace sinter {
namespace {

int64_t number_at(const Napi::CallbackInfo& info, size_t index) {
  return info[index].As<Napi::Number>().Int64Value();
}

template <class Rows>
Napi::Value rows_of(const Napi::CallbackInfo& info) {
  const Rows rows(number_at(info, 0), number_at(info, 1), number_at(info, 2));
  const Napi::Int32Array distances = info[3].As<Napi::Int32Array>();
  Napi::Int32Array out = Napi::Int32Array::New(info.Env(), distances.ElementLength());
  for (size_t i = 0; i < distances.ElementLength(); ++i)
    out[i] = static_cast<int32_t>(rows.row(distances[i]));
  return out;
}

// The first `positions` rows. `shared`: whether a second request gets the same tables.
Napi::Value rotary(const Napi::CallbackInfo& info) {
  const double theta = info[0].As<Napi::Number>().DoubleValue();
  const int64_t dimensions = number_at(info, 1), positions = number_at(info, 2);
  const auto tables = rotary_tables(theta, dimensions);
  const auto small = tables->up_to(1);
  const auto table = tables->up_to(positions);
  const int64_t floats = positions * table->half;
  Napi::Float32Array cos = Napi::Float32Array::New(info.Env(), static_cast<size_t>(floats));
  Napi::Float32Array sin = Napi::Float32Array::New(info.Env(), static_cast<size_t>(floats));
  std::copy_n(table->cos.data(), floats, cos.Data());
  std::copy_n(table->sin.data(), floats, sin.Data());
  const bool shared =
      rotary_tables(theta, dimensions) == tables &&
      rotary_tables(theta + 1, dimensions) != tables &&
      std::equal(small->cos.data(), small->cos.data() + small->half, table->cos.data());
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("cos", cos);
  out.Set("sin", sin);
  out.Set("shared", shared);
  return out;
}

}  // namespace

void export_positions_test(Napi::Env env, Napi::Object exports) {
  Napi::Object positions = Napi::Object::New(env);
  positions.Set("t5Rows", Napi::Function::New(env, rows_of<T5Buckets>));
  positions.Set("disentangledRows", Napi::Function::New(env, rows_of<DisentangledRows>));
  positions.Set("rotary", Napi::Function::New(env, rotary));
  exports.Set("positions", positions);
}

}  // namespace sinter
