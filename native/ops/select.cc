// select: the rows of a token value that the call selects. Their token numbers strictly increase,
// so no two lanes add to the same row.
#include <cstring>

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class SelectOp : public Op {
 public:
  SelectOp(const Node& node, Builder& builder) {
    const int input = builder.input(node.output, node.text("input"), ValueKind::token);
    inputs_.push_back(input);
    outputs_.push_back(
        builder.define(node.output, ValueKind::selected, builder.value(input).width));
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(y + i * width, x + run.batch.selected[i] * width,
                    static_cast<size_t>(width) * sizeof(float));
      }
    });
  }

  void backward(Run& run) const override {
    if (!run.needs_grad(inputs_[0])) return;
    const int64_t width = run.width(outputs_[0]);
    const float* dy = run.grad(outputs_[0]);
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        float* row = dx + run.batch.selected[i] * width;
        run.kernels.reduce.add(width, dy + i * width, row, row);
      }
    });
  }
};

}  // namespace

std::unique_ptr<Op> make_select(const Node& node, Builder& builder) {
  return std::make_unique<SelectOp>(node, builder);
}

}  // namespace sinter
