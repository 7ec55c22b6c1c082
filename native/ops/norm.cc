// norm: layer norm of input (+ residual).
#include "kernels/norm/norm.h"

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class NormOp : public Op {
 public:
  NormOp(const NodeSpec& node, Builder& builder)
      : epsilon_(node.epsilon), has_residual_(!node.residual.empty()) {
    const int input = builder.input(node.output, node.input);
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    if (has_residual_) {
      const int residual = builder.input(node.output, node.residual, info.kind);
      if (builder.value(residual).width != info.width)
        builder.fail(node.output, "residual has another width");
      inputs_.push_back(residual);
    }
    groups_.push_back(builder.vector(node.output, node.weights, info.width));
    if (node.norm != NormKind::layer || node.biases.empty())
      builder.fail(node.output, "only layer norms with a bias have a native program yet");
    groups_.push_back(builder.vector(node.output, node.biases, info.width));
    outputs_.push_back(builder.define(node.output, info.kind, info.width));
    if (builder.trainable()) {
      outputs_.push_back(builder.define_hidden(info.kind, info.width));  // input + residual
      outputs_.push_back(builder.define_hidden(info.kind, 1));           // mean
      outputs_.push_back(builder.define_hidden(info.kind, 1));           // 1 / standard deviation
      kept_.assign(outputs_.begin() + 1, outputs_.end());
    }
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    const float* residual = has_residual_ ? run.value(inputs_[1]) : nullptr;
    float* y = run.value(outputs_[0]);
    float* sum = run.training ? run.value(outputs_[1]) : nullptr;
    float* mean = run.training ? run.value(outputs_[2]) : nullptr;
    float* rstd = run.training ? run.value(outputs_[3]) : nullptr;
    const float* weight = run.weights.at(groups_[0]).values.data();
    const float* bias = run.weights.at(groups_[1]).values.data();
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * width;
      run.kernels.norm.layer_forward(
          end - begin, width, x + at, residual == nullptr ? nullptr : residual + at, weight, bias,
          epsilon_, sum == nullptr ? nullptr : sum + at, mean == nullptr ? nullptr : mean + begin,
          rstd == nullptr ? nullptr : rstd + begin, y + at);
    });
  }

  void backward(Run& run) const override {
    const int64_t rows = run.rows(outputs_[0]), width = run.width(outputs_[0]);
    const float* sum = run.value(outputs_[1]);
    const float* mean = run.value(outputs_[2]);
    const float* rstd = run.value(outputs_[3]);
    float* dy = run.grad(outputs_[0]);
    run.parallel_ranges(width, 16, rows, [&](int64_t begin, int64_t end, int) {
      run.kernels.norm.layer_backward_params(rows, width, begin, end, sum, mean, rstd, dy,
                                             run.weight_grad(groups_[0]),
                                             run.weight_grad(groups_[1]));
    });
    const float* weight = run.weights.at(groups_[0]).values.data();
    run.parallel_ranges(rows, 8, width, [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * width, count = (end - begin) * width;
      // dy is not read again: it becomes the gradient of the sum, which both inputs receive.
      run.kernels.norm.layer_backward_input(end - begin, width, sum + at, mean + begin,
                                            rstd + begin, weight, dy + at, dy + at);
      for (int input : inputs_) {
        if (run.needs_grad(input))
          run.kernels.reduce.add(count, dy + at, run.grad(input) + at, run.grad(input) + at);
      }
    });
  }

 private:
  float epsilon_;
  bool has_residual_;
};

}  // namespace

std::unique_ptr<Op> make_norm(const NodeSpec& node, Builder& builder) {
  return std::make_unique<NormOp>(node, builder);
}

}  // namespace sinter
