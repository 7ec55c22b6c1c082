// normalize: rows scaled to length 1.
#include "kernels/pool/pool.h"
#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class NormalizeOp : public Op {
 public:
  NormalizeOp(const Node& node, Builder& builder) {
    const int input = builder.input(node.output, node.text("input"));
    const ValueInfo info = builder.value(input);
    inputs_.push_back(input);
    outputs_.push_back(builder.define(node.output, info));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      run.kernels.pool.normalize_forward(end - begin, width, x + begin * width, y + begin * width);
    });
  }

  void backward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    float* dy = run.grad(outputs_[0]);
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.rows(outputs_[0]), 8, width, [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * width, count = (end - begin) * width;
      run.kernels.pool.normalize_backward(end - begin, width, x + at, dy + at, dy + at);
      run.kernels.reduce.add(count, dy + at, dx + at, dx + at);
    });
  }
};

}  // namespace

std::unique_ptr<Op> make_normalize(const Node& node, Builder& builder) {
  return std::make_unique<NormalizeOp>(node, builder);
}

}  // namespace sinter
