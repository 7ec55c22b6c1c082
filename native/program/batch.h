// Ragged batches, sequences back to back: the caller's whole one, and the micro-batch that is run.
#pragma once

#include <cstdint>

#include "program/op.h"

namespace sinter {

// What a caller hands over, borrowed for the call. segments may be nullptr (all 0), features where
// the program reads none.
struct WholeBatch {
  int64_t sequences = 0;
  const int32_t* offsets = nullptr;  // [sequences + 1], from 0
  const int32_t* ids = nullptr;
  const int32_t* segments = nullptr;
  const int32_t* selected = nullptr;  // increasing token numbers
  int64_t selected_tokens = -1;       // of `selected`; -1: all tokens, whatever `selected` is
  const float* features = nullptr;    // [sequences, the program's feature_width()]
  int64_t unpooled = 0;  // tokens at the start of every sequence that poolings leave out
  int64_t tokens() const { return sequences == 0 ? 0 : offsets[sequences]; }
  // Rows of a value of this kind; a table has none of the batch.
  int64_t rows(ValueKind kind) const;
};

// A part of it. Offsets start at 0; the `first_` fields say where it lies in the whole batch
// (dropout is keyed by the place there, so splitting changes nothing).
struct Batch {
  int64_t sequences = 0, tokens = 0;
  const int32_t* offsets = nullptr;    // [sequences + 1]
  const int32_t* ids = nullptr;        // [tokens]
  const int32_t* positions = nullptr;  // [tokens], from 0 in each sequence
  const int32_t* segments = nullptr;   // [tokens]
  const int32_t* selected = nullptr;   // [selected_tokens], increasing token numbers
  int64_t selected_tokens = 0;
  const float* features = nullptr;  // of the whole batch
  int64_t first_token = 0, first_sequence = 0, first_selected = 0;
  int64_t unpooled = 0;  // as in the whole batch; 0 where gradients are wanted
  int64_t longest = 0;
};

}  // namespace sinter
