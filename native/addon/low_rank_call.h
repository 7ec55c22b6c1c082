// `lowRank` of NativeBinding in lib/native/native.ts.
#pragma once

#include <napi.h>

namespace sinter {

// (weight, options, jobId). Lengths and types that do not fit: INTERNAL.
Napi::Value low_rank_value(const Napi::CallbackInfo& info);

}  // namespace sinter
