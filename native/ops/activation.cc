// activation: an element-wise function, with the same bits as the activation of a linear.
#include "ops/activation_names.h"
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class ActivationOp : public Op {
 public:
  ActivationOp(const Node& node, Builder& builder)
      : activation_(node.choice("kind", kActivationNames)) {
    if (activation_ == Activation::none) builder.fail(node.output, "kind must not be none");
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    outputs_.push_back(builder.define(node.output, info));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 4, [&](int64_t begin, int64_t end, int) {
      run.kernels.activation.forward(activation_, end - begin, x + begin, y + begin);
    });
  }

  void backward(Run& run) const override {
    const float* x = run.value(inputs_[0]);
    float* dy = run.grad(outputs_[0]);
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 4, [&](int64_t begin, int64_t end, int) {
      // dy is overwritten, because nothing reads it again.
      run.kernels.activation.backward(activation_, end - begin, x + begin, dy + begin, dy + begin);
      run.kernels.reduce.add(end - begin, dy + begin, dx + begin, dx + begin);
    });
  }

 private:
  Activation activation_;
};

}  // namespace

std::unique_ptr<Op> make_activation(const Node& node, Builder& builder) {
  return std::make_unique<ActivationOp>(node, builder);
}

}  // namespace sinter
