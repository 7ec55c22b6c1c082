// add: input + scale * residual. Without a scale, as in layers with the norm first (pre-norm), it
// is a plain sum; with one, the residual is the small product of a low-rank adapter.
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class AddOp : public Op {
 public:
  AddOp(const Node& node, Builder& builder)
      : scale_(node.has("scale") ? static_cast<float>(node.number("scale")) : 1.0f) {
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_ = {input, builder.input_like(node.output, node.text("residual"), info)};
    outputs_.push_back(builder.define(node.output, info));
  }

  void forward(Run& run) const override {
    const float* a = run.value(inputs_[0]);
    const float* b = run.value(inputs_[1]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      add(run, end - begin, a + begin, b + begin, scale_, y + begin);
    });
  }

  void backward(Run& run) const override {
    const float* dy = run.grad(outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      for (size_t i = 0; i < inputs_.size(); ++i) {
        if (!run.needs_grad(inputs_[i])) continue;
        float* dx = run.grad(inputs_[i]) + begin;
        add(run, end - begin, dx, dy + begin, i == 0 ? 1.0f : scale_, dx);
      }
    });
  }

 private:
  static void add(const Run& run, int64_t n, const float* a, const float* b, float scale,
                  float* y) {
    if (scale == 1.0f)
      run.kernels.reduce.add(n, a, b, y);
    else
      run.kernels.reduce.add_scaled(n, a, b, scale, y);
  }

  float scale_;
};

}  // namespace

std::unique_ptr<Op> make_add(const Node& node, Builder& builder) {
  return std::make_unique<AddOp>(node, builder);
}

}  // namespace sinter
