// The job that brings weights into their last form: an urgent one, because a model that is loaded
// does not wait for the texts that another one computes.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "base/cancel.h"
#include "base/team.h"
#include "weights/store.h"

namespace sinter {

// Argument `index`; one of its own when it is left out.
int64_t job_id_arg(const Napi::CallbackInfo& info, size_t index);

// Argument 0 is the job's id, and may be left out. `packing` is true until the job has ended. When
// it fails while the store has weights that are not ready it stays so, because what the job left
// can only be disposed.
Napi::Value submit_packing(const Napi::CallbackInfo& info, std::shared_ptr<WeightStore> store,
                           std::shared_ptr<bool> packing,
                           std::function<void(Team&, const Cancel&)> work);

}  // namespace sinter
