// The job that reads rows of a weight in a storage that the caller chooses. Widening, narrowing,
// unpacking and quantizing for a file happen on the lanes.
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

// `job_id` is the index of the argument with the job's id. The promise resolves to a Uint8Array for
// each part of the storage. It rejects with Error(INVALID_DATA) for numbers beyond the range of the
// storage.
Napi::Value submit_reading(const Napi::CallbackInfo& info, size_t job_id, const RowsToRead& rows);

}  // namespace sinter
