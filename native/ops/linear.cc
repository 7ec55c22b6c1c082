// linear: y = act(x W^T + b). Several weights may be stacked along the outputs: one product
// computes them all, with bias and activation in its epilogue, in the way of the weights' storage.
// In training the value before the activation is kept for backward. Low-rank adapters are added
// between the product and the activation.
#include "ops/activation_names.h"
#include "ops/factory.h"
#include "ops/low_rank.h"
#include "program/run.h"
#include "weights/products.h"

namespace sinter {
namespace {

class LinearOp : public Op {
 public:
  LinearOp(const Node& node, Builder& builder)
      : activation_(node.choice("activation", kActivationNames)) {
    const int activation_bits = static_cast<int>(node.integer("activationBits", 7, 8));
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    groups_.push_back(builder.group(node.output, node.texts("weights"), PackUse::matrix, -1,
                                    info.width, activation_bits));
    const Pack& weight = builder.weights().at(groups_[0]);
    const int64_t width = weight.rows;
    const std::vector<std::string> biases = node.texts("biases");
    if (!biases.empty()) {
      bias_ = builder.vector(node.output, biases, width);
      groups_.push_back(bias_);
    }
    if (node.has("equalizer")) {
      if (!weight.storage->quantizes_input())
        builder.fail(node.output, "an equalizer needs weights whose product quantizes its input");
      equalizer_ = builder.vector(node.output, {node.text("equalizer")}, info.width);
    }
    low_rank_ = LowRank(node, builder, weight, input);
    groups_.insert(groups_.end(), low_rank_.groups().begin(), low_rank_.groups().end());
    if (low_rank_.input() != input) inputs_.push_back(low_rank_.input());
    outputs_.push_back(builder.define(node.output, info, width));
    keeps_sum_ = builder.passes_backward(inputs_, groups_) && activation_ != Activation::none;
    if (builder.needs_grad(input) && !weight.trained) builder.pass_gradients(groups_[0]);
    if (keeps_sum_) outputs_.push_back(builder.define_hidden(info, width));
    kept_ = inputs_;
    if (keeps_sum_) kept_.push_back(outputs_[1]);
    if (low_rank_.empty()) return;
    outputs_.push_back(low_rank_.define(builder));
    kept_.push_back(outputs_.back());
  }

  void forward(Run& run) const override {
    const bool kept = run.training && keeps_sum_;
    const bool fused = !kept && low_rank_.empty();
    float* sum = run.value(outputs_[kept ? 1 : 0]);
    const Pack& weight = run.weights.at(groups_[0]);
    weight.storage->multiply(run, weight,
                             {run.rows(inputs_[0]), run.value(inputs_[0]), bias(run),
                              equalizer(run), fused ? activation_ : Activation::none, sum});
    if (fused) return;
    const int64_t n = run.width(outputs_[0]);
    if (!low_rank_.empty()) low_rank_.forward(run, sum, n);
    if (activation_ == Activation::none) return;
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 4, [&](int64_t begin, int64_t end, int) {
      run.kernels.activation.forward(activation_, end - begin, sum + begin, y + begin);
    });
  }

  void backward(Run& run) const override {
    const int64_t rows = run.rows(inputs_[0]), k = run.width(inputs_[0]),
                  n = run.width(outputs_[0]);
    float* dy = run.grad(outputs_[0]);
    if (keeps_sum_) {
      const float* sum = run.value(outputs_[1]);
      run.parallel_ranges(rows * n, 1024, 4, [&](int64_t begin, int64_t end, int) {
        run.kernels.activation.backward(activation_, end - begin, sum + begin, dy + begin,
                                        dy + begin);
      });
    }
    float* dbias = bias_ < 0 ? nullptr : run.weight_grad(bias_);
    if (dbias != nullptr) {
      run.parallel_ranges(n, 16, rows, [&](int64_t begin, int64_t end, int) {
        run.kernels.reduce.add_rows(rows, end - begin, dy + begin, n, dbias + begin);
      });
    }
    // dW[n, k] += dy^T x, a product that sums over the rows of the batch.
    if (float* dweight = run.weight_grad(groups_[0]); dweight != nullptr) {
      const float* x = pack_shared(run, rows, k, run.value(inputs_[0]), k, 1);
      product_f32(run, {n, k, rows, dy, 1, n, x, dweight, k, nullptr, Activation::none,
                        /*accumulate=*/true});
    }
    if (run.needs_grad(inputs_[0])) {
      product_f32(run, {rows, k, n, dy, n, 1, run.weights.at(groups_[0]).packed_backward.data(),
                        run.grad(inputs_[0]), k, nullptr, Activation::none,
                        /*accumulate=*/!run.begins(inputs_[0])});
    }
    if (!low_rank_.empty()) low_rank_.backward(run, dy, n);
  }

  bool writes_first(int value) const override { return value == inputs_[0]; }

 private:
  const float* bias(const Run& run) const {
    return bias_ < 0 ? nullptr : run.weights.at(bias_).values.data();
  }

  const float* equalizer(const Run& run) const {
    return equalizer_ < 0 ? nullptr : run.weights.at(equalizer_).values.data();
  }

  Activation activation_;
  int bias_ = -1, equalizer_ = -1;  // groups; -1: none
  LowRank low_rank_;
  bool keeps_sum_ = false;
};

}  // namespace

std::unique_ptr<Op> make_linear(const Node& node, Builder& builder) {
  return std::make_unique<LinearOp>(node, builder);
}

}  // namespace sinter
