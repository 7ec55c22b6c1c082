// concat: values with the same rows side by side.
#include <cstring>

#include "ops/factory.h"
#include "program/limits.h"
#include "program/run.h"

namespace sinter {
namespace {

class ConcatOp : public Op {
 public:
  ConcatOp(const Node& node, Builder& builder) {
    const std::vector<std::string> names = node.texts("inputs");
    if (names.empty()) builder.fail(node.output, "needs inputs");
    int64_t width = 0;
    for (const std::string& name : names) {
      inputs_.push_back(builder.input(node.output, name));
      const ValueInfo& info = builder.value(inputs_.back());
      const ValueInfo& first = builder.value(inputs_[0]);
      if (info.kind != first.kind || info.rows != first.rows)
        builder.fail(node.output, "inputs must have the same rows");
      width += info.width;
      if (width > kMaxJoined) builder.fail(node.output, "is too wide");
    }
    outputs_.push_back(builder.define(node.output, builder.value(inputs_[0]), width));
  }

  void forward(Run& run) const override {
    float* y = run.value(outputs_[0]);
    for_parts(run, [&](int64_t row, int64_t column, int input) {
      const int64_t width = run.width(input);
      std::memcpy(y + row * run.width(outputs_[0]) + column, run.value(input) + row * width,
                  static_cast<size_t>(width) * sizeof(float));
    });
  }

  void backward(Run& run) const override {
    const float* dy = run.grad(outputs_[0]);
    for_parts(run, [&](int64_t row, int64_t column, int input) {
      if (!run.needs_grad(input)) return;
      const int64_t width = run.width(input);
      float* dx = run.grad(input) + row * width;
      run.kernels.reduce.add(width, dy + row * run.width(outputs_[0]) + column, dx, dx);
    });
  }

 private:
  // Calls body(row, column of the output where the part begins, input).
  template <typename Body>
  void for_parts(Run& run, const Body& body) const {
    run.parallel_ranges(run.rows(outputs_[0]), 8, run.width(outputs_[0]),
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t row = begin; row < end; ++row) {
                            int64_t column = 0;
                            for (int input : inputs_) {
                              body(row, column, input);
                              column += run.width(input);
                            }
                          }
                        });
  }
};

}  // namespace

std::unique_ptr<Op> make_concat(const Node& node, Builder& builder) {
  return std::make_unique<ConcatOp>(node, builder);
}

}  // namespace sinter
