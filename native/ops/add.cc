// add: input + residual, the step of layers with the norm first (pre-norm).
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class AddOp : public Op {
 public:
  AddOp(const Node& node, Builder& builder) {
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
      run.kernels.reduce.add(end - begin, a + begin, b + begin, y + begin);
    });
  }

  void backward(Run& run) const override {
    const float* dy = run.grad(outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      for (const int input : inputs_) {
        if (!run.needs_grad(input)) continue;
        float* dx = run.grad(input) + begin;
        run.kernels.reduce.add(end - begin, dx, dy + begin, dx);
      }
    });
  }
};

}  // namespace

std::unique_ptr<Op> make_add(const Node& node, Builder& builder) {
  return std::make_unique<AddOp>(node, builder);
}

}  // namespace sinter
