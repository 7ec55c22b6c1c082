// A ragged batch: sequences back to back. Offsets start at 0; `first_token` and `first_sequence`
// say where the batch lies in the caller's whole batch (dropout is keyed by the place there, so
// splitting changes nothing).
#pragma once

#include <cstdint>

namespace sinter {

struct Batch {
  int64_t sequences = 0, tokens = 0;
  const int32_t* offsets = nullptr;    // [sequences + 1]
  const int32_t* ids = nullptr;        // [tokens]
  const int32_t* positions = nullptr;  // [tokens], from 0 in each sequence
  const int32_t* segments = nullptr;   // [tokens]
  int64_t first_token = 0, first_sequence = 0;
  int64_t longest = 0;
};

}  // namespace sinter
