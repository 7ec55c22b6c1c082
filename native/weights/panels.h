// Panels of 16 rows, in which products read packed matrices.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/team.h"
#include "kernels/gemm_f32/gemm_f32.h"

namespace sinter {

// task(first row, rows) over slices of whole panels, but for the last: large enough that handing
// one to a lane costs nothing.
template <typename Task>
void for_panel_slices(Team& team, int64_t rows, const Task& task) {
  constexpr int64_t kSlice = 8 * kGemmPanel;
  team.parallel_for((rows + kSlice - 1) / kSlice,
                    [&](int64_t i, int) { task(i * kSlice, std::min(kSlice, rows - i * kSlice)); });
}

// The rows of the whole panels that hold rows [first, last) of `all`.
struct PanelRows {
  PanelRows(int64_t first, int64_t last, int64_t all)
      : begin(first / kGemmPanel * kGemmPanel),
        end(std::min(all, (last + kGemmPanel - 1) / kGemmPanel * kGemmPanel)) {}
  int64_t rows() const { return end - begin; }
  int64_t begin, end;
};

}  // namespace sinter
