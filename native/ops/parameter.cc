// parameter: a weight as a table value. Values computed from it do not depend on the texts. An
// inference program computes them once, when it is sealed; a trainable program computes them in
// every slice, and their gradients add up in the weight.
#include <cstring>

#include "ops/factory.h"
#include "program/run.h"

namespace sinter {
namespace {

class ParameterOp : public Op {
 public:
  ParameterOp(const Node& node, Builder& builder) {
    const WeightSpec& spec = builder.weights().spec(node.text("weight"));
    if (spec.shape.size() != 2 || !spec.storage->allows(PackUse::vector))
      builder.fail(node.output, "weight " + spec.name + " must be f32 and have 2 axes");
    const int64_t rows = spec.shape[0], width = spec.shape[1];
    groups_.push_back(builder.group(node.output, {spec.name}, PackUse::vector, rows, width));
    outputs_.push_back(builder.define_table(node.output, rows, width));
  }

  void forward(Run& run) const override {
    std::memcpy(run.value(outputs_[0]), run.weights.at(groups_[0]).values.data(),
                static_cast<size_t>(run.elements(outputs_[0])) * sizeof(float));
  }

  void backward(Run& run) const override {
    const float* dy = run.grad(outputs_[0]);
    float* dw = run.weight_grad(groups_[0]);
    run.parallel_ranges(run.elements(outputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      run.kernels.reduce.add(end - begin, dy + begin, dw + begin, dw + begin);
    });
  }
};

}  // namespace

std::unique_ptr<Op> make_parameter(const Node& node, Builder& builder) {
  return std::make_unique<ParameterOp>(node, builder);
}

}  // namespace sinter
