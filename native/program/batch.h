// A ragged batch: sequences back to back. Offsets start at 0; the `first_` fields
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
  const int32_t* selected = nullptr;   // [selected_tokens], increasing token numbers
  int64_t selected_tokens = 0;
  int64_t first_token = 0, first_sequence = 0, first_selected = 0;
  int64_t longest = 0;
};

}  // namespace sinter
