// How a family's table (kernels.inc) becomes declarations and a picker. A row is
// SINTER_KERNEL(level, function), best level first; the function returns the family's struct of
// kernels.
#pragma once

#include "base/isa.h"

namespace sinter {

template <typename Kernels>
struct KernelRow {
  Isa isa;
  const char* name;
  const Kernels& (*kernels)();
};

template <typename Kernels>
struct KernelRows {
  const KernelRow<Kernels>* rows;
  int count;

  // The best row that runs at `isa`. Every table ends with a scalar row, so there is always one.
  const Kernels& pick(Isa isa) const {
    for (int i = 0; i < count; ++i) {
      if (static_cast<int>(rows[i].isa) <= static_cast<int>(isa)) return rows[i].kernels();
    }
    return rows[count - 1].kernels();
  }
};

}  // namespace sinter
