// Checks, terms by distance, and their gradients back to the learned rows: distances that share a
// row are added in increasing t, so the order is fixed.
#include "ops/attention_positions.h"

#include <algorithm>

namespace sinter {
namespace {

int64_t distances(int64_t longest) { return 2 * longest - 1; }
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

}  // namespace

AttentionPositions::AttentionPositions(const NodeSpec& node, Builder& builder,
                                       std::vector<int>& inputs, std::vector<int>& groups)
    : heads_(node.heads),
      head_dim_(node.head_dim),
      window_(node.window.value_or(int64_t{1} << 28)),
      scale_(node.scale) {
  if (window_ < 0) builder.fail(node.output, "window must be at least 0");
  if (node.rotary.has_value()) {
    const RotarySpec& rotary = *node.rotary;
    dimensions_ = rotary.dimensions;
    const bool even = dimensions_ > 0 && dimensions_ % 2 == 0 && dimensions_ <= head_dim_;
    if (!even || !(rotary.theta >= 1))
      builder.fail(node.output, "rotary needs theta >= 1 and an even part of the head");
    rotary_ = rotary_tables(rotary.theta, dimensions_);
  }
  if (node.relative_bias.has_value()) read_bias(node, builder, groups);
  if (node.disentangled.has_value()) read_disentangled(node, builder, inputs);
}

void AttentionPositions::read_bias(const NodeSpec& node, Builder& builder,
                                   std::vector<int>& groups) {
  const RelativeBiasSpec& spec = *node.relative_bias;
  bias_group_ = builder.group(node.output, {spec.weight}, PackUse::vector, -1, heads_);
  const Pack& group = builder.weights().at(bias_group_);
  if (!group.storage->allows(PackUse::vector))
    builder.fail(node.output, "weight " + spec.weight + " must be f32");
  if (group.rows < 4 || group.rows % 4 != 0 || spec.max_distance <= group.rows / 4)
    builder.fail(node.output, "weight " + spec.weight + " must have 4 n rows, n < max distance");
  groups.push_back(bias_group_);
  bias_.emplace(group.rows, spec.max_distance, builder.graph().max_tokens);
}

void AttentionPositions::read_disentangled(const NodeSpec& node, Builder& builder,
                                           std::vector<int>& inputs) {
  const DisentangledSpec& spec = *node.disentangled;
  const bool fits =
      spec.max_distance > 0 && spec.buckets >= 0 &&
      (spec.buckets == 0 || (spec.buckets >= 4 && spec.max_distance > spec.buckets / 2 + 1));
  if (!fits) builder.fail(node.output, "buckets or max distance are out of range");
  if (spec.keys.empty() && spec.queries.empty()) return;
  rows_.emplace(spec.buckets, spec.max_distance, builder.graph().max_tokens);
  const auto table = [&](const std::string& name) {
    if (name.empty()) return -1;
    const int value = builder.input(node.output, name, ValueKind::table);
    const ValueInfo& info = builder.value(value);
    if (info.rows != 2 * rows_->span() || info.width != heads_ * head_dim_) {
      builder.fail(node.output, name + " must be [" + std::to_string(2 * rows_->span()) + ", " +
                                    std::to_string(heads_ * head_dim_) + "]");
    }
    inputs.push_back(value);
    return value;
  };
  keys_ = table(spec.keys);
  queries_ = table(spec.queries);
}

int64_t AttentionPositions::kernel_floats(const AttentionKernels& kernels, int64_t longest,
                                          bool backward) const {
  const auto plain_floats = backward ? kernels.backward_scratch : kernels.forward_scratch;
  const auto relative_floats =
      backward ? kernels.relative_backward_scratch : kernels.relative_forward_scratch;
  size_t floats = 0;
  // Texts that the window covers run without it.
  const int64_t plain =
      std::min(longest, backward ? std::min(window_ + 1, kLongestPlain) : window_ + 1);
  if (!learned()) floats = plain_floats(plain, head_dim_);
  if (relative(longest, backward)) {
    const RelativeExtent extent = {longest, head_dim_, window_, keys_ >= 0, queries_ >= 0};
    floats = std::max(floats, relative_floats(extent));
  }
  return static_cast<int64_t>(floats);
}

Rotation AttentionPositions::rotation(const RotaryTable& table, int64_t length,
                                      bool backward) const {
  return {length, head_dim_, dimensions_ / 2, table.cos.data(), table.sin.data(), backward};
}

int64_t AttentionPositions::term_floats(int64_t longest, bool backward) const {
  const int64_t count = padded(distances(longest));
  const int64_t tables = (keys_ >= 0 ? 1 : 0) + (queries_ >= 0 ? 1 : 0);
  // Panels of each table, and its rows: all of them backward, else 16 at a time.
  const int64_t rows = backward ? tables * count : 16;
  return (bias_ ? count : 0) + (tables * count + (tables > 0 ? rows : 0)) * head_dim_;
}

RelativeTerms AttentionPositions::terms(Run& run, int64_t longest, int64_t head, bool backward,
                                        float* scratch) const {
  RelativeTerms terms = {};
  terms.window = window_;
  terms.center = longest - 1;
  const int64_t count = padded(distances(longest));
  if (bias_) {
    const float* weight = run.weights.at(bias_group_).values.data() + head;
    for (int64_t t = 0; t < distances(longest); ++t)
      scratch[t] = weight[bias_->row(t - terms.center) * heads_];
    terms.bias = scratch;
    scratch += count;
  }
  float* stage = nullptr;  // of both tables in turn
  const auto table = [&](int value, const float*& panels, const float*& rows) {
    if (value < 0) return;
    panels = scratch;
    float* to = scratch;
    scratch += count * head_dim_;
    if (backward || stage == nullptr) {
      stage = scratch;
      scratch += (backward ? count : 16) * head_dim_;
    }
    if (backward) rows = stage;
    expand(run, value, longest, head, backward ? stage : nullptr, stage, to);
  };
  table(keys_, terms.key_panels, terms.key_rows);
  table(queries_, terms.query_panels, terms.query_rows);
  return terms;
}

// Panels of a table's rows by distance; the rows themselves stay in `rows`, or pass through `stage`
// when it is nullptr.
void AttentionPositions::expand(Run& run, int value, int64_t longest, int64_t head, float* rows,
                                float* stage, float* panels) const {
  const int64_t width = heads_ * head_dim_, count = distances(longest), center = longest - 1;
  const float* table = run.value(value) + head * head_dim_;
  for (int64_t t = 0; t < count; t += 16) {
    const int64_t some = std::min<int64_t>(16, count - t);
    float* to = rows == nullptr ? stage : rows + t * head_dim_;
    for (int64_t x = 0; x < some; ++x)
      std::copy_n(table + rows_->row(center - t - x) * width, head_dim_, to + x * head_dim_);
    run.kernels.attention.panels(some, head_dim_, to, head_dim_, panels + t * head_dim_);
  }
}

int64_t AttentionPositions::gradient_floats(int64_t longest) const {
  const int64_t count = padded(distances(longest));
  const int64_t tables = (keys_ >= 0 ? 1 : 0) + (queries_ >= 0 ? 1 : 0);
  return (bias_ ? count : 0) + tables * count * head_dim_;
}

RelativeGradients AttentionPositions::gradients(int64_t longest, float* at) const {
  const int64_t count = padded(distances(longest));
  RelativeGradients to = {};
  if (bias_) {
    to.d_bias = at;
    at += count;
  }
  if (keys_ >= 0) {
    to.d_keys = at;
    at += count * head_dim_;
  }
  if (queries_ >= 0) to.d_queries = at;
  return to;
}

void AttentionPositions::fold(Run& run, int64_t longest, int64_t head,
                              const RelativeGradients& gradients) const {
  float* dbias = bias_ ? run.weight_grad(bias_group_) : nullptr;
  if (dbias != nullptr) {
    float* to = dbias + head;
    for (int64_t t = 0; t < distances(longest); ++t)
      to[bias_->row(t - (longest - 1)) * heads_] += gradients.d_bias[t];
  }
  if (keys_ >= 0 && run.needs_grad(keys_)) fold_rows(run, keys_, longest, head, gradients.d_keys);
  if (queries_ >= 0 && run.needs_grad(queries_))
    fold_rows(run, queries_, longest, head, gradients.d_queries);
}

void AttentionPositions::fold_rows(Run& run, int value, int64_t longest, int64_t head,
                                   const float* from) const {
  const int64_t width = heads_ * head_dim_, center = longest - 1;
  for (int64_t t = 0; t < distances(longest); ++t) {
    float* to = run.grad(value) + rows_->row(center - t) * width + head * head_dim_;
    const float* row = from + t * head_dim_;
    for (int64_t d = 0; d < head_dim_; ++d) to[d] += scale_ * row[d];
  }
}

}  // namespace sinter
