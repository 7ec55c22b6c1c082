// The name of a weight, its shape and its storage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/storage.h"

namespace sinter {

struct WeightSpec {
  std::string name;
  std::vector<int64_t> shape;  // [rows, width] or [rows]
  const Storage* storage = &storage_f32();

  int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  int64_t width() const { return shape.size() < 2 ? 1 : shape[1]; }
  int64_t elements() const { return rows() * width(); }
};

}  // namespace sinter
