// One coarse operation of a program. Ops hold value and group numbers, never pointers to data:
// everything that changes from call to call is in the Run. One file per operation in ops/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter {

class Run;

// What the rows of a value are; those of a table do not depend on the batch.
enum class ValueKind : int { token = 0, sequence = 1, selected = 2, table = 3 };

// A value of the program: [rows, width] of f32.
struct ValueInfo {
  std::string name;
  ValueKind kind = ValueKind::token;
  int64_t width = 0;
  int64_t rows = 0;  // of a table
};

class Op {
 public:
  virtual ~Op() = default;

  // Computes outputs() from inputs(). Reads weights; never allocates but through the Run's scratch.
  virtual void forward(Run& run) const = 0;
  // Adds to the gradients of inputs() and of groups(), given the gradient of the first output.
  virtual void backward(Run& run) const = 0;
  // Backward writes the gradient of this input where Run::begins says that nothing was added yet:
  // then it is not set to 0 before.
  virtual bool writes_first(int) const { return false; }

  const std::vector<int>& inputs() const { return inputs_; }
  // The first is the value that others read; the rest is kept for backward (statistics,
  // pre-activations).
  const std::vector<int>& outputs() const { return outputs_; }
  const std::vector<int>& groups() const { return groups_; }
  // Values that backward reads the contents of.
  const std::vector<int>& kept() const { return kept_; }
  // The output is the input itself (dropout in inference): no memory of its own.
  virtual bool is_alias() const { return false; }
  // Only rows of the batch's token ids are read of this one of groups(): the rest of its gradient
  // is 0.
  virtual bool reads_token_rows(size_t /*group*/) const { return false; }

 protected:
  std::vector<int> inputs_, outputs_, kept_, groups_;
};

}  // namespace sinter
