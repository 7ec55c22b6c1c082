// Fields and token batches.
#include "addon/args.h"

#include <cmath>

namespace sinter {

void bad_argument(const std::string& what) { throw Error(ErrorCode::INTERNAL, "native call: " + what); }

namespace {

Napi::Value field(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (value.IsUndefined()) bad_argument(std::string(key) + " is missing");
  return value;
}

template <typename Array>
Array typed_field(const Napi::Object& object, const char* key, napi_typedarray_type type) {
  const Napi::Value value = field(object, key);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    bad_argument(std::string(key) + " is a typed array of another type");
  }
  return value.As<Array>();
}

}  // namespace

Napi::Object object_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsObject()) bad_argument(std::string(what) + " must be an object");
  return info[index].As<Napi::Object>();
}

std::string string_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsString()) bad_argument(std::string(what) + " must be a string");
  return info[index].As<Napi::String>();
}

Napi::Object object_field(const Napi::Object& object, const char* key) {
  const Napi::Value value = field(object, key);
  if (!value.IsObject()) bad_argument(std::string(key) + " must be an object");
  return value.As<Napi::Object>();
}

Napi::Array array_field(const Napi::Object& object, const char* key) {
  const Napi::Value value = field(object, key);
  if (!value.IsArray()) bad_argument(std::string(key) + " must be an array");
  return value.As<Napi::Array>();
}

std::string string_field(const Napi::Object& object, const char* key) {
  const Napi::Value value = field(object, key);
  if (!value.IsString()) bad_argument(std::string(key) + " must be a string");
  return value.As<Napi::String>();
}

double number_field(const Napi::Object& object, const char* key) {
  const Napi::Value value = field(object, key);
  if (!value.IsNumber()) bad_argument(std::string(key) + " must be a number");
  return value.As<Napi::Number>().DoubleValue();
}

int64_t integer_field(const Napi::Object& object, const char* key, int64_t low, int64_t high) {
  const double value = number_field(object, key);
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) || value != std::floor(value)) {
    bad_argument(std::string(key) + " must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<int64_t>(value);
}

bool bool_field(const Napi::Object& object, const char* key) {
  const Napi::Value value = field(object, key);
  if (!value.IsBoolean()) bad_argument(std::string(key) + " must be a boolean");
  return value.As<Napi::Boolean>();
}

std::vector<std::string> strings_field(const Napi::Object& object, const char* key) {
  const Napi::Array array = array_field(object, key);
  std::vector<std::string> list;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array.Get(i);
    if (!value.IsString()) bad_argument(std::string(key) + " must hold strings");
    list.push_back(value.As<Napi::String>());
  }
  return list;
}

Napi::Float32Array floats_field(const Napi::Object& object, const char* key) {
  return typed_field<Napi::Float32Array>(object, key, napi_float32_array);
}

Napi::Int32Array ints_field(const Napi::Object& object, const char* key) {
  return typed_field<Napi::Int32Array>(object, key, napi_int32_array);
}

WholeBatch batch_arg(const Napi::Object& batch, const GraphSpec& graph) {
  const Napi::Int32Array ids = ints_field(batch, "ids"), offsets = ints_field(batch, "offsets");
  WholeBatch whole;
  if (offsets.ElementLength() == 0) bad_argument("offsets needs at least one entry");
  whole.sequences = static_cast<int64_t>(offsets.ElementLength()) - 1;
  whole.offsets = offsets.Data();
  whole.ids = ids.Data();
  const int64_t tokens = static_cast<int64_t>(ids.ElementLength());
  if (whole.offsets[0] != 0 || whole.offsets[whole.sequences] != tokens) {
    bad_argument("offsets must run from 0 to the number of ids");
  }
  for (int64_t i = 0; i < whole.sequences; ++i) {
    const int64_t length = static_cast<int64_t>(whole.offsets[i + 1]) - whole.offsets[i];
    if (length < 1 || length > graph.max_tokens) {
      bad_argument("sequence " + std::to_string(i) + " must have 1 to " + std::to_string(graph.max_tokens) +
                   " tokens, got " + std::to_string(length));
    }
  }
  for (int64_t t = 0; t < tokens; ++t) {
    if (whole.ids[t] < 0 || whole.ids[t] >= graph.vocabulary) {
      bad_argument("ids[" + std::to_string(t) + "] must be below " + std::to_string(graph.vocabulary) + ", got " +
                   std::to_string(whole.ids[t]));
    }
  }
  if (!field(batch, "segments").IsNull()) {
    const Napi::Int32Array segments = ints_field(batch, "segments");
    if (segments.ElementLength() != ids.ElementLength()) bad_argument("segments must be as long as ids");
    whole.segments = segments.Data();
    for (int64_t t = 0; t < tokens; ++t) {
      if (whole.segments[t] < 0 || whole.segments[t] >= std::max<int64_t>(1, graph.segments)) {
        bad_argument("segments[" + std::to_string(t) + "] is out of range");
      }
    }
  }
  return whole;
}

}  // namespace sinter
