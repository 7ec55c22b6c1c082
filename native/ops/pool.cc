// pool: makes one row per sequence from its tokens.
#include "kernels/pool/pool.h"

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

constexpr Choices<Pooling, 6> kPoolings = {{{"mean", Pooling::mean},
                                            {"cls", Pooling::cls},
                                            {"max", Pooling::max},
                                            {"mean_sqrt_len_tokens", Pooling::mean_sqrt_len_tokens},
                                            {"weightedmean", Pooling::weightedmean},
                                            {"lasttoken", Pooling::lasttoken}}};

class PoolOp : public Op {
 public:
  PoolOp(const Node& node, Builder& builder) : pooling_(node.choice("kind", kPoolings)) {
    const int input = builder.input(node.output, node.text("input"), ValueKind::token);
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
    // The kernel overwrites dx, but other readers of the input (another head) may have added to its
    // gradient before.
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

}  // namespace

std::unique_ptr<Op> make_pool(const Node& node, Builder& builder) {
  return std::make_unique<PoolOp>(node, builder);
}

}  // namespace sinter
