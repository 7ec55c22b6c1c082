// Checks of the node, terms by distance, and their gradients back to the learned rows. Distances
// that share a row are added in increasing t, so the order is fixed.
#include "ops/attention_positions.h"

#include <algorithm>

#include "program/limits.h"

namespace sinter {
namespace {

// A window wider than any text.
constexpr int64_t kNoWindow = int64_t{1} << 28;

int64_t distances(int64_t longest) { return 2 * longest - 1; }
int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

}  // namespace

AttentionPositions::AttentionPositions(const Node& node, const HeadSizes& heads, Builder& builder,
                                       std::vector<int>& inputs, std::vector<int>& groups)
    : heads_(heads.heads), head_dim_(heads.head_dim), window_(kNoWindow), scale_(heads.scale) {
  if (node.has("window")) {
    // Clamped to kMaxDistance, because no text is longer.
    window_ = std::min(node.integer("window", 0, int64_t{1} << 53), kMaxDistance);
  }
  if (node.has("rotary")) read_rotary(node, builder);
  if (node.has("relativeBias")) read_bias(node, builder, groups);
  if (node.has("disentangled")) read_disentangled(node, builder, inputs);
}

void AttentionPositions::read_rotary(const Node& node, const Builder& builder) {
  const Fields rotary = node.object("rotary");
  const double theta = rotary.number("theta");
  dimensions_ = rotary.integer("dimensions", 2, head_dim_);
  if (dimensions_ % 2 != 0 || !(theta >= 1))
    builder.fail(node.output, "rotary needs theta >= 1 and an even part of the head");
  rotary_ = rotary_tables(theta, dimensions_);
}

void AttentionPositions::read_bias(const Node& node, Builder& builder, std::vector<int>& groups) {
  const Fields bias = node.object("relativeBias");
  const std::string& weight = bias.text("weight");
  const int64_t max_distance = bias.integer("maxDistance", 1, kMaxDistance);
  bias_group_ = builder.group(node.output, {weight}, PackUse::vector, -1, heads_);
  const Pack& group = builder.weights().at(bias_group_);
  if (!group.storage->allows(PackUse::vector))
    builder.fail(node.output, "weight " + weight + " must be f32");
  if (group.rows < 4 || group.rows % 4 != 0 || max_distance <= group.rows / 4)
    builder.fail(node.output, "weight " + weight + " must have 4 n rows, n < max distance");
  groups.push_back(bias_group_);
  bias_.emplace(group.rows, max_distance, builder.graph().max_tokens);
}

void AttentionPositions::read_disentangled(const Node& node, const Builder& builder,
                                           std::vector<int>& inputs) {
  const Fields terms = node.object("disentangled");
  const std::optional<std::string> keys = terms.text_or_null("keys"),
                                   queries = terms.text_or_null("queries");
  const int64_t buckets = terms.integer("buckets", 0, kMaxDistance),
                max_distance = terms.integer("maxDistance", 1, kMaxDistance);
  if (buckets != 0 && (buckets < 4 || max_distance <= buckets / 2 + 1))
    builder.fail(node.output, "buckets or max distance are out of range");
  if (!keys.has_value() && !queries.has_value()) return;
  rows_.emplace(buckets, max_distance, builder.graph().max_tokens);
  const auto table = [&](const std::optional<std::string>& name) {
    if (!name.has_value()) return -1;
    const int value = builder.input(node.output, *name, ValueKind::table);
    const ValueInfo& info = builder.value(value);
    if (info.rows != 2 * rows_->span() || info.width != heads_ * head_dim_) {
      builder.fail(node.output, *name + " must be [" + std::to_string(2 * rows_->span()) + ", " +
                                    std::to_string(heads_ * head_dim_) + "]");
    }
    inputs.push_back(value);
    return value;
  };
  keys_ = table(keys);
  queries_ = table(queries);
}

int64_t AttentionPositions::kernel_floats(const AttentionKernels& kernels, int64_t longest,
                                          bool backward) const {
  const auto plain_floats = backward ? kernels.backward_scratch : kernels.forward_scratch;
  const auto relative_floats =
      backward ? kernels.relative_backward_scratch : kernels.relative_forward_scratch;
  size_t floats = 0;
  // A text that fits the window runs on the plain kernels.
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
  // Each table needs its panels. Backward also needs the rows of each table, forward only 16 rows
  // at a time.
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
  float* stage = nullptr;  // rows of both tables in turn
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

// Packs the rows of a table by distance into panels. The rows are kept in `rows`; when it is
// nullptr they only pass through `stage`.
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
