// features: the numbers that the call passes for each text, as a value. They are an input, so
// backward has nothing to do; the addon has checked that they are present.
#include <cstring>

#include "ops/factory.h"
#include "program/limits.h"
#include "program/run.h"

namespace sinter {
namespace {

class FeaturesOp : public Op {
 public:
  FeaturesOp(const Node& node, Builder& builder) {
    const int64_t width = node.integer("width", 1, kMaxWidth);
    builder.read_features(node.output, width);
    outputs_.push_back(builder.define(node.output, ValueKind::sequence, width));
  }

  void forward(Run& run) const override {
    const int64_t first = run.first_row(outputs_[0]) * run.width(outputs_[0]);
    std::memcpy(run.value(outputs_[0]), run.batch.features + first,
                static_cast<size_t>(run.elements(outputs_[0])) * sizeof(float));
  }

  void backward(Run&) const override {}
};

}  // namespace

std::unique_ptr<Op> make_features(const Node& node, Builder& builder) {
  return std::make_unique<FeaturesOp>(node, builder);
}

}  // namespace sinter
