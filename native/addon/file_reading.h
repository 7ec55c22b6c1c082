// Reads weights from files on a thread of Node's pool, while JavaScript goes on.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "weights/file_part.h"

namespace sinter {

// `packing` is true until the promise is settled. The promise resolves to the index of the first
// part that its file does not have, or -1. Files stay open as long as they are read, whoever closes
// them.
Napi::Value submit_file_reading(Napi::Env env, std::shared_ptr<WeightStore> store,
                                std::shared_ptr<bool> packing, std::vector<FilePart> parts);

}  // namespace sinter
