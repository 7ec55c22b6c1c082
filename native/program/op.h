// One coarse operation of a program. Ops hold value and group numbers, never pointers to data:
// everything that changes from call to call is in the Run. One file per operation in ops/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sinter {

class Run;

// What a row of a value stands for. The rows of a table do not depend on the batch.
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

  // Computes outputs() from inputs() and the weights. Allocates only in the scratch of the Run.
  virtual void forward(Run& run) const = 0;
  // Adds to the gradients of inputs() and of groups(), given the gradient of the first output.
  virtual void backward(Run& run) const = 0;
  // Whether backward writes, instead of adding to, the gradient of this input where Run::begins
  // says that it is the first. Then the gradient is not set to 0 before.
  virtual bool writes_first(int) const { return false; }

  const std::vector<int>& inputs() const { return inputs_; }
  // The first output is the value that other ops read; the others (statistics, pre-activations) are
  // kept for backward.
  const std::vector<int>& outputs() const { return outputs_; }
  const std::vector<int>& groups() const { return groups_; }
  // Values whose contents backward reads.
  const std::vector<int>& kept() const { return kept_; }
  // Whether the output is the input itself (dropout in inference) and needs no memory of its own.
  virtual bool is_alias() const { return false; }
  // Whether the op reads only the rows of the batch's token ids from this entry of groups(); the
  // gradient of all other rows is 0.
  virtual bool reads_token_rows(size_t /*group*/) const { return false; }

 protected:
  std::vector<int> inputs_, outputs_, kept_, groups_;
};

}  // namespace sinter
