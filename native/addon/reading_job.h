// The job that reads rows of a weight, in the storage that the caller wants: what is widened,
// narrowed, unpacked or quantized for a file is so on the lanes.
#pragma once

#include <napi.h>

#include <memory>

#include "weights/store.h"

namespace sinter {

struct RowsToRead {
  std::shared_ptr<Weight> weight;  // ready
  int64_t begin, end;              // rows
  const Storage* as;
};

// Argument `job_id` is the job's id. The promise gives a Uint8Array for each part of the storage;
// numbers beyond what it can hold are Error(INVALID_DATA).
Napi::Value submit_reading(const Napi::CallbackInfo& info, size_t job_id, const RowsToRead& rows);

}  // namespace sinter
