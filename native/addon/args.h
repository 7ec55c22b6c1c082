// Unpacking of arguments. TypeScript has validated them; what is checked here protects memory, and
// a violation is a bug (INTERNAL).
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

// Fields of an object; missing or of another type: INTERNAL naming the key.
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

// A token batch copied out of JavaScript's hands, so that what was checked is what runs: scripts
// may change, transfer or share their arrays while a job runs.
struct TokenBatch {
  std::vector<int32_t> ids, offsets;
  std::vector<int32_t> segments;  // empty: all 0
  std::vector<int32_t> selected;  // read only when `selects`
  bool selects = false;           // false: every token is selected
  std::vector<float> features;    // empty where the program reads none
  int64_t unpooled = 0;           // less than the tokens of any sequence

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  // Rows of a value of this kind.
  int64_t rows(ValueKind kind) const { return view().rows(kind); }
  // Borrows from this object.
  WholeBatch view() const;
};

// Checked against the program: offsets rise from 0 to ids.length, lengths within max_tokens, ids
// within the vocabulary, segments within range, selected strictly increasing within ids, unpooled
// below every length, features as many as it reads and finite.
TokenBatch batch_arg(const Napi::Object& batch, const Program& program);

// The elements as they are now. Call it with no JavaScript between reading the array and this.
template <typename T>
std::vector<T> copy_of(const Napi::TypedArrayOf<T>& array) {
  return array.ElementLength() == 0
             ? std::vector<T>()
             : std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

}  // namespace sinter
