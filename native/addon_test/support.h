// Helpers of the <family>_test.cc files: rows of a kernel table, arguments from JS objects, timing,
// aligned memory. A JS error is thrown for an argument that is missing, of the wrong type or too
// short, so that a wrong test never reads wild memory.
#pragma once

#include <napi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/isa.h"
#include "base/kernel_table.h"

namespace sinter {

// [{ name, isa, runnable }], in the order of the table.
template <typename Kernels>
Napi::Array rows_value(Napi::Env env, const KernelRows<Kernels>& table) {
  Napi::Array out = Napi::Array::New(env);
  for (int i = 0; i < table.count; ++i) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", table.rows[i].name);
    row.Set("isa", isa_name(table.rows[i].isa));
    row.Set("runnable", host_supports(table.rows[i].isa));
    out.Set(static_cast<uint32_t>(i), row);
  }
  return out;
}

// The kernels of the row called `name` (a JS string), which the host must be able to run.
template <typename Kernels>
const Kernels& row_named(const KernelRows<Kernels>& table, const Napi::Value& name) {
  const std::string wanted = name.As<Napi::String>();
  for (int i = 0; i < table.count; ++i) {
    if (wanted != table.rows[i].name) continue;
    if (!host_supports(table.rows[i].isa)) {
      throw Napi::Error::New(name.Env(), wanted + ": this CPU cannot run the row");
    }
    return table.rows[i].kernels();
  }
  throw Napi::TypeError::New(name.Env(), "no kernel row is named " + wanted);
}

inline bool has(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  return !value.IsUndefined() && !value.IsNull();
}

inline int64_t int_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber())
    throw Napi::TypeError::New(object.Env(), std::string(key) + " must be a number");
  return value.As<Napi::Number>().Int64Value();
}

inline int64_t int_of(const Napi::Object& object, const char* key, int64_t otherwise) {
  return has(object, key) ? int_of(object, key) : otherwise;
}

inline double number_of(const Napi::Object& object, const char* key, double otherwise) {
  return has(object, key) ? object.Get(key).As<Napi::Number>().DoubleValue() : otherwise;
}

inline bool flag_of(const Napi::Object& object, const char* key) {
  return has(object, key) && object.Get(key).ToBoolean().Value();
}

template <typename T>
constexpr napi_typedarray_type typed_array_type() {
  using Element = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Element, float>) return napi_float32_array;
  if constexpr (std::is_same_v<Element, double>) return napi_float64_array;
  if constexpr (std::is_same_v<Element, int32_t>) return napi_int32_array;
  if constexpr (std::is_same_v<Element, uint32_t>) return napi_uint32_array;
  if constexpr (std::is_same_v<Element, uint16_t>) return napi_uint16_array;
  if constexpr (std::is_same_v<Element, int8_t>) return napi_int8_array;
  if constexpr (std::is_same_v<Element, uint8_t>) return napi_uint8_array;
}

// The elements of the typed array `key`, which must have at least `least` of them.
template <typename T>
T* array_of(const Napi::Object& object, const char* key, int64_t least) {
  const Napi::Value value = object.Get(key);
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != typed_array_type<T>()) {
    throw Napi::TypeError::New(object.Env(),
                               std::string(key) + " must be a typed array of its type");
  }
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  if (static_cast<int64_t>(array.ElementLength()) < least) {
    throw Napi::RangeError::New(object.Env(), std::string(key) + " must have at least " +
                                                  std::to_string(least) + " elements");
  }
  return reinterpret_cast<T*>(static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset());
}

// As array_of, or nullptr when the key is missing.
template <typename T>
T* optional_array_of(const Napi::Object& object, const char* key, int64_t least) {
  return has(object, key) ? array_of<T>(object, key, least) : nullptr;
}

namespace {  // separate from base's class of this name, which is linked into this addon too

// `count` elements, zeroed, on a 64-byte boundary.
template <typename T>
class AlignedBuffer {
 public:
  explicit AlignedBuffer(int64_t count) : storage_(static_cast<size_t>(count) * sizeof(T) + 64) {
    void* at = storage_.data();
    size_t space = storage_.size();
    data_ = static_cast<T*>(std::align(64, static_cast<size_t>(count) * sizeof(T), at, space));
  }
  T* data() { return data_; }
  T& operator[](int64_t i) { return data_[i]; }

 private:
  std::vector<char> storage_;
  T* data_;
};

}  // namespace

// Calls f for about `seconds` and returns { medianNs, bestNs, flops, bytes } of one call.
template <typename F>
Napi::Object time_calls(Napi::Env env, double seconds, double flops, double bytes, F f) {
  using Clock = std::chrono::steady_clock;
  const auto nanoseconds = [](Clock::duration d) {
    return std::chrono::duration<double, std::nano>(d).count();
  };
  f();
  int64_t calls = 1;  // calls per sample, enough to make the clock's own cost small
  for (;; calls *= 2) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) f();
    if (nanoseconds(Clock::now() - start) > 50e3) break;
  }
  std::vector<double> samples;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    for (int64_t i = 0; i < calls; ++i) f();
    samples.push_back(nanoseconds(Clock::now() - start) / static_cast<double>(calls));
  } while (nanoseconds(Clock::now() - begin) < seconds * 1e9 || samples.size() < 5);
  std::sort(samples.begin(), samples.end());
  Napi::Object out = Napi::Object::New(env);
  out.Set("medianNs", samples[samples.size() / 2]);
  out.Set("bestNs", samples.front());
  out.Set("flops", flops);
  out.Set("bytes", bytes);
  return out;
}

}  // namespace sinter
