// norm: layer or RMS norm of input (+ residual), with or without a bias.
#include "kernels/norm/norm.h"

#include <algorithm>

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

constexpr Choices<bool, 2> kForms = {{{"layer", false}, {"rms", true}}};

class NormOp : public Op {
 public:
  NormOp(const Node& node, Builder& builder)
      : epsilon_(static_cast<float>(node.number("epsilon"))), rms_(node.choice("kind", kForms)) {
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    if (const auto residual = node.text_or_null("residual"); residual.has_value()) {
      inputs_.push_back(builder.input_like(node.output, *residual, info));
    }
    groups_.push_back(builder.vector(node.output, {node.text("weight")}, info.width));
    if (const auto bias = node.text_or_null("bias"); bias.has_value()) {
      groups_.push_back(builder.vector(node.output, {*bias}, info.width));
    }
    outputs_.push_back(builder.define(node.output, info));
    if (builder.passes_backward(inputs_, groups_)) {
      outputs_.push_back(builder.define_hidden(info, info.width));  // input + residual
      outputs_.push_back(builder.define_hidden(info, 1));           // mean (unused by rms)
      outputs_.push_back(builder.define_hidden(info, 1));           // 1 / standard deviation
      kept_.assign(outputs_.begin() + 1, outputs_.end());
    }
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    const float* residual = inputs_.size() > 1 ? run.value(inputs_[1]) : nullptr;
    float* y = run.value(outputs_[0]);
    const bool keeps = run.training && outputs_.size() > 1;
    float* sum = keeps ? run.value(outputs_[1]) : nullptr;
    float* mean = keeps ? run.value(outputs_[2]) : nullptr;
    float* rstd = keeps ? run.value(outputs_[3]) : nullptr;
    const float* weight = run.weights.at(groups_[0]).values.data();
    const float* bias = groups_.size() > 1 ? run.weights.at(groups_[1]).values.data() : nullptr;
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * width;
      form(run).forward(end - begin, width, x + at, residual == nullptr ? nullptr : residual + at,
                        weight, bias, epsilon_, sum == nullptr ? nullptr : sum + at,
                        mean == nullptr ? nullptr : mean + begin,
                        rstd == nullptr ? nullptr : rstd + begin, y + at);
    });
  }

  void backward(Run& run) const override {
    const int64_t rows = run.rows(outputs_[0]), width = run.width(outputs_[0]);
    const float* sum = run.value(outputs_[1]);
    const float* mean = run.value(outputs_[2]);
    const float* rstd = run.value(outputs_[3]);
    float* dy = run.grad(outputs_[0]);
    float* dweight = run.weight_grad(groups_[0]);
    float* dbias = groups_.size() > 1 ? run.weight_grad(groups_[1]) : nullptr;
    if (dweight != nullptr || dbias != nullptr) {
      // The kernel computes both gradients; that of a frozen weight goes to scratch.
      if (dweight == nullptr) dweight = zeroed_scratch(run, width);
      run.parallel_ranges(width, 16, rows, [&](int64_t begin, int64_t end, int) {
        form(run).backward_params(rows, width, begin, end, sum, mean, rstd, dy, dweight, dbias);
      });
    }
    const float* weight = run.weights.at(groups_[0]).values.data();
    run.parallel_ranges(rows, 8, width, [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * width, count = (end - begin) * width;
      // dy is overwritten, because nothing reads it again: it becomes the gradient of the sum,
      // which is that of both inputs.
      form(run).backward_input(end - begin, width, sum + at, mean + begin, rstd + begin, weight,
                               dy + at, dy + at);
      for (int input : inputs_) {
        if (run.needs_grad(input))
          run.kernels.reduce.add(count, dy + at, run.grad(input) + at, run.grad(input) + at);
      }
    });
  }

 private:
  static float* zeroed_scratch(Run& run, int64_t count) {
    const int64_t bytes = count * static_cast<int64_t>(sizeof(float));
    float* scratch = reinterpret_cast<float*>(run.shared_scratch(bytes));
    std::fill_n(scratch, count, 0.0f);
    return scratch;
  }

  const NormForm& form(const Run& run) const {
    return rms_ ? run.kernels.norm.rms : run.kernels.norm.layer;
  }

  float epsilon_;
  bool rms_;
};

}  // namespace

std::unique_ptr<Op> make_norm(const Node& node, Builder& builder) {
  return std::make_unique<NormOp>(node, builder);
}

}  // namespace sinter
