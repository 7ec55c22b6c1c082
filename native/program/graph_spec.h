// The native mirror of lib/graph/types.ts: what the addon unpacks the graph into. Plain data,
// checked when a program is built from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/activation/activation_kind.h"
#include "kernels/pool/pool.h"
#include "weights/weight_spec.h"

namespace sinter {

enum class TableIndex : int { token = 0, position = 1, segment = 2 };

struct TableSpec {
  std::string weight;
  TableIndex index = TableIndex::token;
  int64_t offset = 0;
};

enum class OpKind : int {
  embedding,
  norm,
  linear,
  attention,
  dropout,
  pool,
  normalize,
  parameter,
  add,
  gate,
  concat,
  select
};

enum class NormKind : int { layer = 0, rms = 1 };

// What attention knows about positions; see lib/graph/types.ts.
struct RotarySpec {
  double theta = 0;
  int64_t dimensions = 0;
};
struct RelativeBiasSpec {
  std::string weight;
  int64_t max_distance = 0;
};
struct DisentangledSpec {
  std::string keys, queries;  // values; empty: the term is left out
  int64_t buckets = 0, max_distance = 0;
};

// One node of any kind; fields that a kind has no use for keep their defaults.
struct NodeSpec {
  OpKind op = OpKind::linear;
  std::string input, output;
  std::string residual;             // norm and add; empty: none
  std::vector<std::string> inputs;  // concat, instead of `input`
  std::vector<std::string> weights, biases;
  std::string equalizer;  // linear with s8 weights; empty: none
  std::vector<TableSpec> tables;
  NormKind norm = NormKind::layer;
  float epsilon = 0;
  Activation activation = Activation::none;
  int activation_bits = 8;  // linear with s8 weights: width of the activation codes, 8 or 7
  int64_t heads = 0, head_dim = 0;
  float scale = 1;
  float dropout = 0;
  std::optional<RotarySpec> rotary;
  std::optional<int64_t> window;
  std::optional<RelativeBiasSpec> relative_bias;
  std::optional<DisentangledSpec> disentangled;
  Pooling pooling = Pooling::mean;
};

// Names of the values that the node reads, one for every time it reads it.
std::vector<std::string> inputs_of(const NodeSpec& node);

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
