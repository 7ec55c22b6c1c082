// Unpacks fields of objects, and token batches.
#include "addon/args.h"

#include <algorithm>
#include <cmath>

namespace sinter {

void bad_argument(const std::string& what) {
  throw Error(ErrorCode::INTERNAL, "native call: " + what);
}

namespace {

Napi::Value field(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (value.IsUndefined()) bad_argument(std::string(key) + " is missing");
  return value;
}

template <typename Array>
Array typed(const Napi::Value& value, const char* key, napi_typedarray_type type) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    bad_argument(std::string(key) + " is a typed array of another type");
  }
  return value.As<Array>();
}

}  // namespace

Napi::Object object_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsObject())
    bad_argument(std::string(what) + " must be an object");
  return info[index].As<Napi::Object>();
}

std::string string_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsString())
    bad_argument(std::string(what) + " must be a string");
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
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) ||
      value != std::floor(value)) {
    bad_argument(std::string(key) + " must be an integer from " + std::to_string(low) + " to " +
                 std::to_string(high));
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
  return typed<Napi::Float32Array>(field(object, key), key, napi_float32_array);
}

Napi::Int32Array ints_field(const Napi::Object& object, const char* key) {
  return typed<Napi::Int32Array>(field(object, key), key, napi_int32_array);
}

WholeBatch TokenBatch::view() const {
  WholeBatch whole{sequences(), offsets.data(), ids.data()};
  whole.unpooled = unpooled;
  if (!segments.empty()) whole.segments = segments.data();
  if (selects) {
    whole.selected = selected.data();
    whole.selected_tokens = static_cast<int64_t>(selected.size());
  }
  if (!features.empty()) whole.features = features.data();
  return whole;
}

namespace {

void check_offsets(const TokenBatch& batch, const GraphSpec& graph) {
  if (batch.offsets.empty()) bad_argument("offsets needs at least one entry");
  if (batch.offsets.front() != 0 || batch.offsets.back() != batch.tokens()) {
    bad_argument("offsets must run from 0 to the number of ids");
  }
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    const int64_t length = static_cast<int64_t>(batch.offsets[i + 1]) - batch.offsets[i];
    if (length < 1 || length > graph.max_tokens) {
      bad_argument("sequence " + std::to_string(i) + " must have 1 to " +
                   std::to_string(graph.max_tokens) + " tokens, got " + std::to_string(length));
    }
  }
}

void check_below(const std::vector<int32_t>& values, int64_t limit, const char* key) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0 || values[i] >= limit) {
      bad_argument(std::string(key) + "[" + std::to_string(i) + "] must be from 0 to " +
                   std::to_string(limit - 1) + ", got " + std::to_string(values[i]));
    }
  }
}

void check_selected(const TokenBatch& batch) {
  check_below(batch.selected, batch.tokens(), "selected");
  for (size_t i = 1; i < batch.selected.size(); ++i) {
    if (batch.selected[i] <= batch.selected[i - 1])
      bad_argument("selected must be strictly increasing");
  }
}

// Where the program reads features each text needs a row of them. Elsewhere features are refused,
// because they would be ignored.
void check_features(const TokenBatch& batch, bool given, int64_t width) {
  if (given != (width > 0))
    bad_argument(given ? "features must be null: the graph reads none" : "features is missing");
  const int64_t count = static_cast<int64_t>(batch.features.size());
  if (count != batch.sequences() * width) {
    bad_argument("features must have " + std::to_string(width) + " numbers for each of " +
                 std::to_string(batch.sequences()) + " texts, got " + std::to_string(count));
  }
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(batch.features[static_cast<size_t>(i)]))
      bad_argument("features[" + std::to_string(i) + "] must be finite");
  }
}

// The number of leading tokens that all poolings leave out; each sequence must keep at least one
// token.
int64_t unpooled_arg(const Napi::Object& object, const TokenBatch& batch) {
  const Napi::Value value = object.Get("unpooled");
  if (value.IsUndefined()) return 0;
  const int64_t unpooled = integer_field(object, "unpooled", 0, int64_t{1} << 30);
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    if (batch.offsets[i + 1] - batch.offsets[i] <= unpooled)
      bad_argument("unpooled must be less than the tokens of sequence " + std::to_string(i));
  }
  return unpooled;
}

}  // namespace

TokenBatch batch_arg(const Napi::Object& object, const Program& program) {
  const GraphSpec& graph = program.graph();
  TokenBatch batch;
  batch.ids = copy_of(ints_field(object, "ids"));
  batch.offsets = copy_of(ints_field(object, "offsets"));
  const Napi::Value segments = field(object, "segments");
  if (!segments.IsNull())
    batch.segments = copy_of(typed<Napi::Int32Array>(segments, "segments", napi_int32_array));
  const Napi::Value selected = object.Get("selected");
  batch.selects = !selected.IsUndefined() && !selected.IsNull();
  if (batch.selects)
    batch.selected = copy_of(typed<Napi::Int32Array>(selected, "selected", napi_int32_array));
  const Napi::Value features = object.Get("features");
  const bool featured = !features.IsUndefined() && !features.IsNull();
  if (featured)
    batch.features = copy_of(typed<Napi::Float32Array>(features, "features", napi_float32_array));
  check_offsets(batch, graph);
  check_below(batch.ids, graph.vocabulary, "ids");
  if (!segments.IsNull() && batch.segments.size() != batch.ids.size()) {
    bad_argument("segments must be as long as ids");
  }
  check_below(batch.segments, std::max<int64_t>(1, graph.segments), "segments");
  check_selected(batch);
  check_features(batch, featured, program.feature_width());
  batch.unpooled = unpooled_arg(object, batch);
  return batch;
}

}  // namespace sinter
