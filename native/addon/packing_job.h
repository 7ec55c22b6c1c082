// The job that brings weights into their final form. It is urgent, so that a model can load while
// another one computes many texts.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "base/cancel.h"
#include "base/team.h"
#include "weights/store.h"

namespace sinter {

// Argument `index` as a job id; a new id when it is left out.
int64_t job_id_arg(const Napi::CallbackInfo& info, size_t index);

// Runs `work` as a job. Argument 0 is the job's id and may be left out. `packing` is true until the
// job has ended. It stays true when the job fails while the store has weights that are not ready,
// because such a store can only be disposed.
Napi::Value submit_packing(const Napi::CallbackInfo& info, std::shared_ptr<WeightStore> store,
                           std::shared_ptr<bool> packing,
                           std::function<void(Team&, const Cancel&)> work);

}  // namespace sinter
