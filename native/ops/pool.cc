// pool: one row per sequence from its tokens. normalize: rows scaled to length 1.
#include "kernels/pool/pool.h"

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class PoolOp : public Op {
 public:
  PoolOp(const NodeSpec& node, Builder& builder) : pooling_(node.pooling) {
    const int input = builder.input(node.output, node.input, ValueKind::token);
    inputs_.push_back(input);
    outputs_.push_back(
        builder.define(node.output, ValueKind::sequence, builder.value(input).width));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    float* y = run.value(outputs_[0]);
    run.parallel_ranges(run.batch.sequences, 1, width, [&](int64_t begin, int64_t end, int) {
      const int32_t* offsets = run.batch.offsets + begin;
      run.kernels.pool.forward(pooling_, end - begin, width, offsets, run.batch.unpooled,
                               x + offsets[0] * width, y + begin * width);
    });
  }

  void backward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* x = run.value(inputs_[0]);
    const float* dy = run.grad(outputs_[0]);
    float* dx = run.grad(inputs_[0]);
    // The kernel overwrites; other readers of the input (another head) may have added before.
    float* own = reinterpret_cast<float*>(
        run.shared_scratch(run.elements(inputs_[0]) * static_cast<int64_t>(sizeof(float))));
    run.parallel_ranges(run.batch.sequences, 1, width, [&](int64_t begin, int64_t end, int) {
      const int32_t* offsets = run.batch.offsets + begin;
      const int64_t at = offsets[0] * width, count = (offsets[end - begin] - offsets[0]) * width;
      run.kernels.pool.backward(pooling_, end - begin, width, offsets, x + at, dy + begin * width,
                                own + at);
      run.kernels.reduce.add(count, own + at, dx + at, dx + at);
    });
  }

 private:
  Pooling pooling_;
};

class NormalizeOp : public Op {
 public:
  NormalizeOp(const NodeSpec& node, Builder& builder) {
    const int input = builder.input(node.output, node.input);
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

std::unique_ptr<Op> make_pool(const NodeSpec& node, Builder& builder) {
  return std::make_unique<PoolOp>(node, builder);
}

std::unique_ptr<Op> make_normalize(const NodeSpec& node, Builder& builder) {
  return std::make_unique<NormalizeOp>(node, builder);
}

}  // namespace sinter
