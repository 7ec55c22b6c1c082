// Ragged batches, in which sequences lie back to back: the whole batch of a call, and a micro-batch
// of it.
#pragma once

#include <cstdint>

#include "program/op.h"

namespace sinter {

// The batch of a call, borrowed for the call. segments may be nullptr (all 0), and features where
// the program reads none.
struct WholeBatch {
  int64_t sequences = 0;
  const int32_t* offsets = nullptr;  // [sequences + 1], from 0
  const int32_t* ids = nullptr;
  const int32_t* segments = nullptr;
  const int32_t* selected = nullptr;  // [selected_tokens], increasing token numbers
  int64_t selected_tokens = -1;       // -1: all tokens, and `selected` is ignored
  const float* features = nullptr;    // [sequences, the program's feature_width()]
  int64_t unpooled = 0;               // leading tokens of every sequence that poolings leave out
  int64_t tokens() const { return sequences == 0 ? 0 : offsets[sequences]; }
  // The number of rows of a value of this kind; 0 for a table, which does not depend on the batch.
  int64_t rows(ValueKind kind) const;
};

// A micro-batch. Its offsets start at 0; the `first_` fields say where it begins in the whole
// batch. Dropout is keyed by the place in the whole batch, so splitting changes nothing.
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
  int64_t unpooled = 0;  // as in the whole batch; 0 in training
  int64_t longest = 0;
};

}  // namespace sinter
