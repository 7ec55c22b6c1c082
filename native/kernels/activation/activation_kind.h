// The activations that a linear layer can end with. Tests of the kernels pass their numbers; graphs
// name them (ops/activation_names.h).
#pragma once

namespace sinter {

enum class Activation : int {
  none = 0,
  gelu = 1,
  gelu_tanh = 2,
  relu = 3,
  tanh = 4,
  silu = 5,
  quick_gelu = 6
};

}  // namespace sinter
