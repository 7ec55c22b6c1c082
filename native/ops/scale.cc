// scale: columns [column, column + n) of the input, each multiplied by an element of a vector of n;
// the other columns stay. Sums of gradients run over the rows in increasing order.
#include <cstring>

#include "ops/factory.h"
#include "program/limits.h"
#include "program/run.h"

namespace sinter {
namespace {

class ScaleOp : public Op {
 public:
  ScaleOp(const Node& node, Builder& builder) {
    inputs_.push_back(builder.input(node.output, node.text("input")));
    const ValueInfo info = builder.value(inputs_[0]);
    const std::string& name = node.text("weight");
    width_ = builder.weights().spec(name).elements();
    column_ = node.has("column") ? node.integer("column", 0, kMaxWidth) : 0;
    if (column_ > info.width - width_)
      builder.fail(node.output, "scales columns that its input does not have");
    groups_.push_back(builder.vector(node.output, {name}, width_));
    outputs_.push_back(builder.define(node.output, info));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const float* factors = run.weights.at(groups_[0]).values.data();
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    const int64_t width = run.width(inputs_[0]);
    run.parallel_ranges(run.rows(inputs_[0]), 1, width, [&](int64_t begin, int64_t end, int) {
      std::memcpy(y + begin * width, x + begin * width,
                  static_cast<size_t>((end - begin) * width) * sizeof(float));
      for (int64_t row = begin; row < end; ++row) {
        float* to = y + row * width + column_;
        for (int64_t i = 0; i < width_; ++i) to[i] *= factors[i];
      }
    });
  }

  void backward(Run& run) const override {
    const int64_t rows = run.rows(inputs_[0]), width = run.width(inputs_[0]);
    const float* dy = run.grad(outputs_[0]);
    if (float* sums = run.weight_grad(groups_[0]); sums != nullptr) {
      const float* x = run.value(inputs_[0]);
      run.parallel_ranges(width_, 16, rows, [&](int64_t begin, int64_t end, int) {
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t at = row * width + column_;
          for (int64_t i = begin; i < end; ++i) sums[i] += dy[at + i] * x[at + i];
        }
      });
    }
    if (!run.needs_grad(inputs_[0])) return;
    const float* factors = run.weights.at(groups_[0]).values.data();
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(rows, 1, width, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const float* from = dy + row * width;
        float* to = dx + row * width;
        for (int64_t i = 0; i < column_; ++i) to[i] += from[i];
        for (int64_t i = 0; i < width_; ++i) to[column_ + i] += from[column_ + i] * factors[i];
        for (int64_t i = column_ + width_; i < width; ++i) to[i] += from[i];
      }
    });
  }

 private:
  int64_t column_ = 0, width_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_scale(const Node& node, Builder& builder) {
  return std::make_unique<ScaleOp>(node, builder);
}

}  // namespace sinter
