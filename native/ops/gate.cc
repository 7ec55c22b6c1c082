// gate: activation(first half) * second half of every row.
#include "ops/activation_names.h"
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class GateOp : public Op {
 public:
  GateOp(const Node& node, Builder& builder)
      : activation_(node.choice("activation", kActivationNames)) {
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    if (info.width % 2 != 0)
      builder.fail(node.output, "input must have an even width, got " + std::to_string(info.width));
    inputs_.push_back(input);
    outputs_.push_back(builder.define(node.output, info, info.width / 2));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 1, 8 * width, [&](int64_t begin, int64_t end, int) {
      run.kernels.activation.gate_forward(activation_, end - begin, width, x + begin * 2 * width,
                                          y + begin * width);
    });
  }

  void backward(Run& run) const override {
    if (!run.needs_grad(inputs_[0])) return;
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    const float* dy = run.grad(outputs_[0]);
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 1, 8 * width, [&](int64_t begin, int64_t end, int) {
      run.kernels.activation.gate_backward(activation_, end - begin, width, x + begin * 2 * width,
                                           dy + begin * width, dx + begin * 2 * width);
    });
  }

 private:
  Activation activation_;
};

}  // namespace

std::unique_ptr<Op> make_gate(const Node& node, Builder& builder) {
  return std::make_unique<GateOp>(node, builder);
}

}  // namespace sinter
