// Unpacking of arguments. TypeScript has validated them; what is checked here protects memory, and a violation is a bug
// (INTERNAL).
#pragma once

#include <napi.h>

#include <string>
#include <unordered_set>
#include <vector>

#include "program/engine.h"
#include "program/graph_spec.h"

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

// The graph as lib/graph/types.ts describes it.
GraphSpec graph_arg(const Napi::Object& graph);

// A token batch, checked against the graph: offsets rise from 0 to ids.length, lengths within max_tokens, ids within
// the vocabulary, segments within range. The arrays must outlive the WholeBatch.
WholeBatch batch_arg(const Napi::Object& batch, const GraphSpec& graph);

}  // namespace sinter
