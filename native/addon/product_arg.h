// `referenceProduct` of NativeBinding in lib/native/native.ts.
#pragma once

#include <napi.h>

namespace sinter {

// Takes (a, b, zero, rows, depth, columns, out). INTERNAL for lengths or types that do not match.
Napi::Value reference_product_value(const Napi::CallbackInfo& info);

}  // namespace sinter
