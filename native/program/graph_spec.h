// The native mirror of lib/graph/types.ts: what the addon unpacks the graph into. Plain data,
// checked when a program is built from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/activation/activation_kind.h"
#include "kernels/pool/pool.h"

namespace sinter {

enum class WeightDtype : int { f32 = 0, s8 = 1 };

struct WeightSpec {
  std::string name;
  std::vector<int64_t> shape;  // [rows, width] or [rows]
  WeightDtype dtype = WeightDtype::f32;
};

enum class TableIndex : int { token = 0, position = 1, segment = 2 };

struct TableSpec {
  std::string weight;
  TableIndex index = TableIndex::token;
  int64_t offset = 0;
};

enum class OpKind : int { embedding, norm, linear, attention, dropout, pool, normalize };

// One node of any kind; fields that a kind has no use for keep their defaults.
struct NodeSpec {
  OpKind op = OpKind::linear;
  std::string input, output;
  std::string residual;  // norm; empty: none
  std::vector<std::string> weights, biases;
  std::string equalizer;  // linear with s8 weights; empty: none
  std::vector<TableSpec> tables;
  float epsilon = 0;
  Activation activation = Activation::none;
  int activation_bits = 8;  // linear with s8 weights: width of the activation codes, 8 or 7
  int64_t heads = 0, head_dim = 0;
  float scale = 1;
  float dropout = 0;
  Pooling pooling = Pooling::mean;
};

struct OutputSpec {
  std::string name, value;
};

struct GraphSpec {
  int64_t max_tokens = 0, vocabulary = 0, segments = 0;
  std::vector<WeightSpec> weights;
  std::vector<NodeSpec> nodes;
  std::vector<OutputSpec> outputs;
};

}  // namespace sinter
