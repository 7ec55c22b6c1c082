// Unpacks arguments. TypeScript has validated them. The checks here protect memory, so a violation
// is a bug (INTERNAL).
#pragma once

#include <napi.h>

#include <string>
#include <unordered_set>
#include <vector>

#include "program/engine.h"
#include "program/program.h"

namespace sinter {

[[noreturn]] void bad_argument(const std::string& what);

Napi::Object object_arg(const Napi::CallbackInfo& info, size_t index, const char* what);
std::string string_arg(const Napi::CallbackInfo& info, size_t index, const char* what);

// A field of an object. INTERNAL, naming the key, when it is missing or has another type.
Napi::Object object_field(const Napi::Object& object, const char* key);
Napi::Array array_field(const Napi::Object& object, const char* key);
std::string string_field(const Napi::Object& object, const char* key);
double number_field(const Napi::Object& object, const char* key);
int64_t integer_field(const Napi::Object& object, const char* key, int64_t low, int64_t high);
bool bool_field(const Napi::Object& object, const char* key);
std::vector<std::string> strings_field(const Napi::Object& object, const char* key);
Napi::Float32Array floats_field(const Napi::Object& object, const char* key);
Napi::Int32Array ints_field(const Napi::Object& object, const char* key);

// A weight: its name, shape and dtype.
WeightSpec weight_spec_arg(const Napi::Object& weight);

// The graph as lib/graph/types.ts describes it.
GraphSpec graph_arg(const Napi::Object& graph);

// A token batch copied from JavaScript's arrays. Scripts may change, transfer or share their arrays
// while a job runs; with the copy the checked values are the ones that run.
struct TokenBatch {
  std::vector<int32_t> ids, offsets;
  std::vector<int32_t> segments;  // empty: all 0
  std::vector<int32_t> selected;  // read only when `selects`
  bool selects = false;           // without it every token is selected
  std::vector<float> features;    // empty where the program reads none
  int64_t unpooled = 0;           // below the length of every sequence

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  // The number of rows of a value of this kind.
  int64_t rows(ValueKind kind) const { return view().rows(kind); }
  // A view that borrows from this object.
  WholeBatch view() const;
};

// Reads a batch and checks it against the program: offsets rise from 0 to ids.length, lengths are
// within max_tokens, ids within the vocabulary, segments in range, selected strictly increasing
// within ids, unpooled below every length, and features finite and as many as the program reads.
TokenBatch batch_arg(const Napi::Object& batch, const Program& program);

// A copy of the elements. Call it right after reading the array, with no JavaScript in between.
template <typename T>
std::vector<T> copy_of(const Napi::TypedArrayOf<T>& array) {
  return array.ElementLength() == 0
             ? std::vector<T>()
             : std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

}  // namespace sinter
