// What a weight is called, its shape and how its numbers are stored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter {

// f16: two bytes an element, of tables only. s8: a code an element and a scale a row.
enum class WeightDtype : int { f32 = 0, s8 = 1, f16 = 2 };

struct WeightSpec {
  std::string name;
  std::vector<int64_t> shape;  // [rows, width] or [rows]
  WeightDtype dtype = WeightDtype::f32;

  int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  int64_t width() const { return shape.size() < 2 ? 1 : shape[1]; }
  int64_t elements() const { return rows() * width(); }
};

}  // namespace sinter
