// attention: softmax attention inside each sequence, one task per (sequence, head). Query, key and
// value lie side by side in the input. Backward recomputes the probabilities, so nothing quadratic
// is kept between the passes.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>

#include "ops/dropout_key.h"
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class AttentionOp : public Op {
 public:
  AttentionOp(const NodeSpec& node, Builder& builder)
      : heads_(node.heads),
        head_dim_(node.head_dim),
        scale_(node.scale),
        probability_(node.dropout) {
    if (heads_ <= 0 || head_dim_ <= 0)
      builder.fail(node.output, "heads and head size must be positive");
    if (!(probability_ >= 0 && probability_ < 1))
      builder.fail(node.output, "probability must be in [0, 1)");
    if (node.rotary || node.window || node.relative_bias || node.disentangled)
      builder.fail(node.output, "attention with positions has no native program yet");
    const int input = builder.input(node.output, node.input, ValueKind::token);
    const int64_t width = heads_ * head_dim_;
    if (builder.value(input).width != 3 * width) {
      builder.fail(node.output, "input must be " + std::to_string(3 * width) + " wide, got " +
                                    std::to_string(builder.value(input).width));
    }
    if (builder.trainable()) check_sole_reader(node, builder);
    inputs_.push_back(input);
    outputs_.push_back(builder.define(node.output, ValueKind::token, width));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const float* qkv = run.value(inputs_[0]);
    float* out = run.value(outputs_[0]);
    const int64_t width = heads_ * head_dim_;
    run.parallel(run.batch.sequences * heads_, work(run), [&](int64_t task, int lane) {
      const Place place = locate(run, task);
      const auto& kernels = run.kernels.attention;
      float* scratch = run.lane_scratch<float>(
          lane, static_cast<int64_t>(kernels.forward_scratch(place.length, head_dim_)));
      const float* q = qkv + place.token * 3 * width + place.head * head_dim_;
      kernels.forward(shape(place), dropout(run, place), q, q + width, q + 2 * width,
                      out + place.token * width + place.head * head_dim_, scratch);
    });
  }

  void backward(Run& run) const override {
    const float* qkv = run.value(inputs_[0]);
    const float* dout = run.grad(outputs_[0]);
    // Query, key and value have no other reader (check_sole_reader), so writing is adding to 0.
    float* dqkv = run.grad(inputs_[0]);
    const int64_t width = heads_ * head_dim_;
    run.parallel(run.batch.sequences * heads_, work(run), [&](int64_t task, int lane) {
      const Place place = locate(run, task);
      const auto& kernels = run.kernels.attention;
      float* scratch = run.lane_scratch<float>(
          lane, static_cast<int64_t>(kernels.backward_scratch(place.length, head_dim_)));
      const int64_t at = place.token * 3 * width + place.head * head_dim_;
      const float* q = qkv + at;
      float* dq = dqkv + at;
      kernels.backward(shape(place), dropout(run, place), q, q + width, q + 2 * width,
                       dout + place.token * width + place.head * head_dim_, dq, dq + width,
                       dq + 2 * width, scratch);
    });
  }

 private:
  // Backward overwrites the gradient of query, key and value: nobody else may add to that memory.
  static void check_sole_reader(const NodeSpec& attention, const Builder& builder) {
    int64_t readers = 0;
    for (const NodeSpec& node : builder.graph().nodes) {
      const std::vector<std::string> inputs = inputs_of(node);
      readers += std::count(inputs.begin(), inputs.end(), attention.input);
      const bool alias = node.op == OpKind::dropout && node.dropout == 0;
      if (alias && node.output == attention.input) ++readers;
    }
    if (readers > 1)
      builder.fail(attention.output, "must be the only reader of " + attention.input);
  }

  struct Place {
    int64_t sequence, head, token, length;
  };

  Place locate(const Run& run, int64_t task) const {
    const int64_t sequence = task / heads_;
    const int32_t* offsets = run.batch.offsets + sequence;
    return {sequence, task % heads_, offsets[0], offsets[1] - offsets[0]};
  }

  // Multiply-adds of both products: at most this, and about this for texts of one length.
  int64_t work(const Run& run) const {
    return 2 * run.batch.tokens * run.batch.longest * heads_ * head_dim_;
  }

  AttentionShape shape(const Place& place) const {
    const int64_t width = heads_ * head_dim_;
    return {place.length, head_dim_, 3 * width, 3 * width, width, scale_};
  }

  AttentionDropout dropout(const Run& run, const Place& place) const {
    if (!run.dropout || probability_ <= 0) return {0, 0, 0, 1.0f};
    const uint64_t index =
        static_cast<uint64_t>((run.batch.first_sequence + place.sequence) * heads_ + place.head);
    return {dropout_key(run.dropout_key, outputs_[0]), index << 32, dropout_threshold(probability_),
            dropout_keep_scale(probability_)};
  }

  int64_t heads_, head_dim_;
  float scale_, probability_;
};

}  // namespace

std::unique_ptr<Op> make_attention(const NodeSpec& node, Builder& builder) {
  return std::make_unique<AttentionOp>(node, builder);
}

}  // namespace sinter
