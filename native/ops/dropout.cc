// dropout: in training zeroes elements by a hash of their index and scales the rest; at inference
// it is the input itself.
#include "kernels/dropout/dropout.h"

#include "ops/dropout_key.h"
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class DropoutOp : public Op {
 public:
  DropoutOp(const Node& node, Builder& builder)
      : probability_(static_cast<float>(node.number("probability"))),
        alias_(!builder.trainable() || probability_ == 0) {
    if (!(probability_ >= 0 && probability_ < 1))
      builder.fail(node.output, "probability must be in [0, 1)");
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    outputs_.push_back(builder.define(node.output, info));
  }

  bool is_alias() const override { return alias_; }

  void forward(Run& run) const override {
    if (!alias_) apply(run, run.value(inputs_[0]), run.value(outputs_[0]));
  }

  void backward(Run& run) const override {
    if (alias_) return;  // the gradients share one memory too
    float* dy = run.grad(outputs_[0]);
    apply(run, dy, dy);
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      run.kernels.reduce.add(end - begin, dy + begin, dx + begin, dx + begin);
    });
  }

 private:
  void apply(Run& run, const float* x, float* y) const {
    const int64_t first = run.first_row(outputs_[0]) * run.width(outputs_[0]);
    const uint32_t threshold = run.dropout ? dropout_threshold(probability_) : 0;
    const float keep_scale = run.dropout ? dropout_keep_scale(probability_) : 1.0f;
    const uint64_t key = dropout_key(run.dropout_key, outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      run.kernels.dropout.apply(end - begin, key, static_cast<uint64_t>(first + begin), threshold,
                                keep_scale, x + begin, y + begin);
    });
  }

  float probability_;
  bool alias_;
};

}  // namespace

std::unique_ptr<Op> make_dropout(const Node& node, Builder& builder) {
  return std::make_unique<DropoutOp>(node, builder);
}

}  // namespace sinter
