// Functions of NativeBinding in lib/native/native.ts that work on typed arrays, on the JavaScript
// thread.
#pragma once

#include <napi.h>

namespace sinter {

// `referenceProduct`: (a, b, zero, rows, depth, columns, out). Lengths and types that do not fit:
// INTERNAL.
Napi::Value reference_product_value(const Napi::CallbackInfo& info);

// `gatherRows`: (from, at, rows, columns, rowStep, columnStep, to). Places outside of an array:
// INTERNAL.
Napi::Value gather_rows_value(const Napi::CallbackInfo& info);

// `writeFloat32Json`: (values, to, at). A number that is not finite, too little room in `to`:
// INTERNAL.
Napi::Value write_float32_json_value(const Napi::CallbackInfo& info);

}  // namespace sinter
