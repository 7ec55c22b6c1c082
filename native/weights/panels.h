// Panels of 16 rows, the layout in which products read packed matrices.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/team.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace sinter {

// Calls task(first row, rows) on slices of whole panels (the last may be partial). A slice is large
// enough that handing it to a lane costs little.
template <typename Task>
void for_panel_slices(Team& team, int64_t rows, const Task& task) {
  constexpr int64_t kSlice = 8 * kGemmPanel;
  team.parallel_for((rows + kSlice - 1) / kSlice,
                    [&](int64_t i, int) { task(i * kSlice, std::min(kSlice, rows - i * kSlice)); });
}

// The range of whole panels that covers rows [first, last) of `all` rows.
struct PanelRows {
  PanelRows(int64_t first, int64_t last, int64_t all)
      : begin(first / kGemmPanel * kGemmPanel),
        end(std::min(all, (last + kGemmPanel - 1) / kGemmPanel * kGemmPanel)) {}
  int64_t rows() const { return end - begin; }
  int64_t begin, end;
};

}  // namespace sinter
