// The names of activations in a graph.
#pragma once

#include "kernels/activation/activation_kind.h"
#include "program/node.h"

namespace sinter {

inline constexpr Choices<Activation, 7> kActivationNames = {
    {{"none", Activation::none},
     {"gelu", Activation::gelu},
     {"gelu_tanh", Activation::gelu_tanh},
     {"relu", Activation::relu},
     {"tanh", Activation::tanh},
     {"silu", Activation::silu},
     {"quick_gelu", Activation::quick_gelu}}};

}  // namespace sinter
