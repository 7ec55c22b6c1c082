// The graph document of lib/graph/types.ts to a GraphSpec: field by field, no knowledge of
// architectures.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "addon/args.h"
#include "program/limits.h"

namespace sinter {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 40;
// Distances between tokens: what fits an int32 with room for sums.

template <typename T, size_t N>
T one_of(const std::string& text, const std::array<std::pair<const char*, T>, N>& names,
         const char* what) {
  for (const auto& [name, value] : names) {
    if (text == name) return value;
  }
  bad_argument(std::string("unknown ") + what + " " + text);
}

constexpr std::array<std::pair<const char*, OpKind>, 12> kOps = {{{"embedding", OpKind::embedding},
                                                                  {"norm", OpKind::norm},
                                                                  {"linear", OpKind::linear},
                                                                  {"attention", OpKind::attention},
                                                                  {"dropout", OpKind::dropout},
                                                                  {"pool", OpKind::pool},
                                                                  {"normalize", OpKind::normalize},
                                                                  {"parameter", OpKind::parameter},
                                                                  {"add", OpKind::add},
                                                                  {"gate", OpKind::gate},
                                                                  {"concat", OpKind::concat},
                                                                  {"select", OpKind::select}}};
constexpr std::array<std::pair<const char*, NormKind>, 2> kNorms = {
    {{"layer", NormKind::layer}, {"rms", NormKind::rms}}};
constexpr std::array<std::pair<const char*, Activation>, 7> kActivations = {
    {{"none", Activation::none},
     {"gelu", Activation::gelu},
     {"gelu_tanh", Activation::gelu_tanh},
     {"relu", Activation::relu},
     {"tanh", Activation::tanh},
     {"silu", Activation::silu},
     {"quick_gelu", Activation::quick_gelu}}};
constexpr std::array<std::pair<const char*, Pooling>, 6> kPoolings = {
    {{"mean", Pooling::mean},
     {"cls", Pooling::cls},
     {"max", Pooling::max},
     {"mean_sqrt_len_tokens", Pooling::mean_sqrt_len_tokens},
     {"weightedmean", Pooling::weightedmean},
     {"lasttoken", Pooling::lasttoken}}};
constexpr std::array<std::pair<const char*, TableIndex>, 3> kIndices = {
    {{"token", TableIndex::token},
     {"position", TableIndex::position},
     {"segment", TableIndex::segment}}};

Napi::Object element(const Napi::Array& array, uint32_t index) {
  const Napi::Value value = array.Get(index);
  if (!value.IsObject()) bad_argument("a list of the graph must hold objects");
  return value.As<Napi::Object>();
}

void read_embedding(const Napi::Object& object, NodeSpec& node) {
  const Napi::Array tables = array_field(object, "tables");
  for (uint32_t i = 0; i < tables.Length(); ++i) {
    const Napi::Object table = element(tables, i);
    node.tables.push_back({string_field(table, "weight"),
                           one_of(string_field(table, "index"), kIndices, "index"),
                           integer_field(table, "offset", 0, kMaxOffset)});
  }
}

// A name, or "" for null. An empty name would be taken for null, so it is refused.
std::string name_or_null(const Napi::Object& object, const char* key) {
  if (object.Get(key).IsNull()) return "";
  const std::string name = string_field(object, key);
  if (name.empty()) bad_argument(std::string(key) + " must be a name or null");
  return name;
}

// Whether an optional field is there.
bool given(const Napi::Object& object, const char* key) { return !object.Get(key).IsUndefined(); }

void read_norm(const Napi::Object& object, NodeSpec& node) {
  node.norm = one_of(string_field(object, "kind"), kNorms, "norm");
  node.residual = name_or_null(object, "residual");
  node.weights = {string_field(object, "weight")};
  const std::string bias = name_or_null(object, "bias");
  if (!bias.empty()) node.biases = {bias};
  node.epsilon = static_cast<float>(number_field(object, "epsilon"));
}

void read_linear(const Napi::Object& object, NodeSpec& node) {
  node.weights = strings_field(object, "weights");
  node.biases = strings_field(object, "biases");
  node.activation = one_of(string_field(object, "activation"), kActivations, "activation");
  if (given(object, "equalizer")) node.equalizer = string_field(object, "equalizer");
  node.activation_bits = static_cast<int>(integer_field(object, "activationBits", 7, 8));
}

void read_positions(const Napi::Object& object, NodeSpec& node) {
  if (given(object, "rotary")) {
    const Napi::Object rotary = object_field(object, "rotary");
    node.rotary = {number_field(rotary, "theta"),
                   integer_field(rotary, "dimensions", 2, node.head_dim)};
  }
  if (given(object, "window")) {
    // Wider than any text is as good as the widest.
    node.window = std::min(integer_field(object, "window", 0, int64_t{1} << 53), kMaxDistance);
  }
  if (given(object, "relativeBias")) {
    const Napi::Object bias = object_field(object, "relativeBias");
    node.relative_bias = {string_field(bias, "weight"),
                          integer_field(bias, "maxDistance", 1, kMaxDistance)};
  }
  if (given(object, "disentangled")) {
    const Napi::Object terms = object_field(object, "disentangled");
    node.disentangled = {name_or_null(terms, "keys"), name_or_null(terms, "queries"),
                         integer_field(terms, "buckets", 0, kMaxDistance),
                         integer_field(terms, "maxDistance", 1, kMaxDistance)};
  }
}

void read_attention(const Napi::Object& object, NodeSpec& node) {
  node.heads = integer_field(object, "heads", 1, kMaxHeads);
  node.head_dim = integer_field(object, "headDim", 1, kMaxHeads);
  node.scale = static_cast<float>(number_field(object, "scale"));
  node.dropout = static_cast<float>(number_field(object, "dropout"));
  read_positions(object, node);
}

bool has_input(OpKind op) {
  return op != OpKind::embedding && op != OpKind::parameter && op != OpKind::concat;
}

NodeSpec node_spec(const Napi::Object& object) {
  NodeSpec node;
  node.op = one_of(string_field(object, "op"), kOps, "operation");
  node.output = string_field(object, "output");
  if (has_input(node.op)) node.input = string_field(object, "input");
  switch (node.op) {
    case OpKind::embedding:
      read_embedding(object, node);
      break;
    case OpKind::norm:
      read_norm(object, node);
      break;
    case OpKind::linear:
      read_linear(object, node);
      break;
    case OpKind::attention:
      read_attention(object, node);
      break;
    case OpKind::dropout:
      node.dropout = static_cast<float>(number_field(object, "probability"));
      break;
    case OpKind::pool:
      node.pooling = one_of(string_field(object, "kind"), kPoolings, "pooling");
      break;
    case OpKind::parameter:
      node.weights = {string_field(object, "weight")};
      break;
    case OpKind::add:
      node.residual = string_field(object, "residual");
      break;
    case OpKind::gate:
      node.activation = one_of(string_field(object, "activation"), kActivations, "activation");
      break;
    case OpKind::concat:
      node.inputs = strings_field(object, "inputs");
      break;
    case OpKind::normalize:
    case OpKind::select:
      break;
  }
  return node;
}

}  // namespace

WeightSpec weight_spec_arg(const Napi::Object& object) {
  WeightSpec spec;
  spec.name = string_field(object, "name");
  const std::string dtype = string_field(object, "dtype");
  spec.storage = find_storage(dtype);
  if (spec.storage == nullptr) bad_argument("unknown weight dtype " + dtype);
  const Napi::Array shape = array_field(object, "shape");
  const uint32_t axes = shape.Length();
  if (axes < 1 || axes > 2) bad_argument("weight " + spec.name + " must have 1 or 2 axes");
  int64_t elements = 1;
  for (uint32_t i = 0; i < axes; ++i) {
    const Napi::Value axis = shape.Get(i);
    const double size = axis.IsNumber() ? axis.As<Napi::Number>().DoubleValue() : 0;
    if (!(size >= 1 && size <= static_cast<double>(kMaxSize / elements)) ||
        size != std::floor(size)) {
      bad_argument("weight " + spec.name + " has an impossible shape");
    }
    spec.shape.push_back(static_cast<int64_t>(size));
    elements *= spec.shape.back();
  }
  return spec;
}

GraphSpec graph_arg(const Napi::Object& object) {
  GraphSpec graph;
  graph.max_tokens = integer_field(object, "maxTokens", 1, kMaxTokensLimit);
  graph.vocabulary = integer_field(object, "vocabulary", 1, kMaxVocabulary);
  graph.segments = integer_field(object, "segments", 0, kMaxSegments);
  const Napi::Array weights = array_field(object, "weights");
  for (uint32_t i = 0; i < weights.Length(); ++i)
    graph.weights.push_back(weight_spec_arg(element(weights, i)));
  const Napi::Array nodes = array_field(object, "nodes");
  if (nodes.Length() > kMaxNodes) bad_argument("the graph has too many nodes");
  for (uint32_t i = 0; i < nodes.Length(); ++i) graph.nodes.push_back(node_spec(element(nodes, i)));
  const Napi::Object outputs = object_field(object, "outputs");
  const Napi::Array names = outputs.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    graph.outputs.push_back({name, string_field(outputs, name.c_str())});
  }
  return graph;
}

}  // namespace sinter
