// embedding of the test addon: rows(), forward(row, args), backward(row, args), bench(row, shape,
// seconds). forward: { tokens, width, tables: [{ f32 | f16 | (s8, scale), index }], y }; backward:
// { tokens, width, begin?, end?, index, dy, grad }.
#include "kernels/embedding/embedding.h"

#include <napi.h>

#include <vector>

#include "addon_test/families.h"
#include "addon_test/support.h"

namespace sinter {
namespace {

Napi::Value rows(const Napi::CallbackInfo& info) {
  return rows_value(info.Env(), embedding_rows());
}

// The largest index plus 1.
int64_t rows_used(const Napi::Env& env, const int32_t* index, int64_t tokens) {
  int64_t used = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    if (index[t] < 0) throw Napi::RangeError::New(env, "index must not be negative");
    used = std::max(used, static_cast<int64_t>(index[t]) + 1);
  }
  return used;
}

Napi::Value forward(const Napi::CallbackInfo& info) {
  const EmbeddingKernels& kernels = row_named(embedding_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t tokens = int_of(o, "tokens"), width = int_of(o, "width");
  const Napi::Array list = o.Get("tables").As<Napi::Array>();
  std::vector<EmbeddingTable> tables;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object entry = list.Get(i).As<Napi::Object>();
    EmbeddingTable table = {};
    table.index = array_of<const int32_t>(entry, "index", tokens);
    const int64_t used = rows_used(info.Env(), table.index, tokens);
    table.f32 = optional_array_of<const float>(entry, "f32", used * width);
    table.f16 = optional_array_of<const uint16_t>(entry, "f16", used * width);
    if (table.f32 == nullptr && table.f16 == nullptr) {
      table.s8 = array_of<const int8_t>(entry, "s8", used * width);
      table.scale = array_of<const float>(entry, "scale", used);
    }
    tables.push_back(table);
  }
  kernels.forward(tokens, width, tables.data(), static_cast<int32_t>(tables.size()),
                  array_of<float>(o, "y", tokens * width));
  return info.Env().Undefined();
}

Napi::Value backward(const Napi::CallbackInfo& info) {
  const EmbeddingKernels& kernels = row_named(embedding_rows(), info[0]);
  const Napi::Object o = info[1].As<Napi::Object>();
  const int64_t tokens = int_of(o, "tokens"), width = int_of(o, "width");
  const int64_t begin = int_of(o, "begin", 0), end = int_of(o, "end", width);
  if (begin < 0 || begin > end || end > width) {
    throw Napi::RangeError::New(info.Env(), "begin and end must be columns");
  }
  const int32_t* index = array_of<const int32_t>(o, "index", tokens);
  kernels.backward(tokens, width, begin, end, index, array_of<const float>(o, "dy", tokens * width),
                   array_of<float>(o, "grad", rows_used(info.Env(), index, tokens) * width));
  return info.Env().Undefined();
}

// shape: { tokens, width, s8? }: three tables of 1000, 512 and 2 rows; with s8 the first one is
// int8.
Napi::Value bench(const Napi::CallbackInfo& info) {
  const EmbeddingKernels& kernels = row_named(embedding_rows(), info[0]);
  const Napi::Object shape = info[1].As<Napi::Object>();
  const int64_t tokens = int_of(shape, "tokens"), width = int_of(shape, "width");
  AlignedBuffer<float> f32(1000 * width), scale(1000), y(tokens * width);
  AlignedBuffer<int8_t> s8(1000 * width);
  std::vector<int32_t> word(static_cast<size_t>(tokens)), position(word), type(word);
  for (size_t t = 0; t < word.size(); ++t) {
    word[t] = static_cast<int32_t>(t * 7919 % 1000);
    position[t] = static_cast<int32_t>(t % 512);
  }
  EmbeddingTable tables[3] = {{f32.data(), nullptr, nullptr, word.data()},
                              {f32.data(), nullptr, nullptr, position.data()},
                              {f32.data(), nullptr, nullptr, type.data()}};
  if (flag_of(shape, "s8")) tables[0] = {nullptr, s8.data(), scale.data(), word.data()};
  return time_calls(info.Env(), info[2].As<Napi::Number>().DoubleValue(), 0.0,
                    16.0 * static_cast<double>(tokens * width),
                    [&] { kernels.forward(tokens, width, tables, 3, y.data()); });
}

}  // namespace

void export_embedding_test(Napi::Env env, Napi::Object exports) {
  Napi::Object family = Napi::Object::New(env);
  family.Set("rows", Napi::Function::New(env, rows));
  family.Set("forward", Napi::Function::New(env, forward));
  family.Set("backward", Napi::Function::New(env, backward));
  family.Set("bench", Napi::Function::New(env, bench));
  exports.Set("embedding", family);
}

}  // namespace sinter
