// `referenceProduct` of NativeBinding in lib/native/native.ts.
#pragma once

#include <napi.h>

namespace sinter {

// (a, b, zero, rows, depth, columns, out). Lengths and types that do not fit: INTERNAL.
Napi::Value reference_product_value(const Napi::CallbackInfo& info);

}  // namespace sinter
