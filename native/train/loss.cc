// Rows are split among the lanes; their losses are summed in order, in double.
#include "train/loss.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sinter {
namespace {

int64_t count_labelled(const int32_t* labels, int64_t count) {
  return std::count_if(labels, labels + count, [](int32_t label) { return label >= 0; });
}

float share(int64_t count) { return count == 0 ? 0.0f : 1.0f / static_cast<float>(count); }

double mean(const std::vector<float>& losses, int64_t count) {
  double sum = 0;
  for (float one : losses) sum += one;
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

BatchLoss::BatchLoss(const StepLoss& loss, const Program& program, const WholeBatch& batch)
    : loss_(loss), output_(program.output(loss.output)) {
  const ValueInfo& output = program.value(output_);
  const int64_t rows = batch.rows(output.kind);
  switch (loss.kind) {
    case LossKind::external:
      break;
    case LossKind::cross_entropy:
      count_ = count_labelled(loss.labels, rows);
      break;
    case LossKind::binary_cross_entropy:
    case LossKind::squared_error:
      count_ = rows * output.width;
      break;
    case LossKind::span:
      count_ = count_labelled(loss.labels, batch.sequences);
      ends_count_ = count_labelled(loss.ends, batch.sequences);
      break;
  }
}

double BatchLoss::backward(Run& run) const {
  switch (loss_.kind) {
    case LossKind::external:
      external(run);
      return 0;
    case LossKind::cross_entropy:
      return cross_entropy(run);
    case LossKind::binary_cross_entropy:
    case LossKind::squared_error:
      return elements(run);
    case LossKind::span:
      break;
  }
  return span(run);
}

void BatchLoss::external(Run& run) const {
  const int64_t elements = run.elements(output_);
  if (elements == 0) return;
  std::memcpy(run.grad(output_), loss_.values + run.first_row(output_) * run.width(output_),
              static_cast<size_t>(elements) * sizeof(float));
}

double BatchLoss::cross_entropy(Run& run) const {
  const int64_t rows = run.rows(output_), width = run.width(output_);
  std::vector<float> losses(static_cast<size_t>(rows));
  const float* x = run.value(output_);
  float* dx = run.grad(output_);
  const int32_t* labels = loss_.labels + run.first_row(output_);
  run.parallel_ranges(rows, 1, 4 * width, [&](int64_t begin, int64_t end, int) {
    run.kernels.softmax.cross_entropy(end - begin, width, x + begin * width, labels + begin,
                                      share(count_), losses.data() + begin, dx + begin * width);
  });
  return mean(losses, count_);
}

double BatchLoss::elements(Run& run) const {
  const int64_t rows = run.rows(output_), width = run.width(output_);
  std::vector<float> losses(static_cast<size_t>(rows));
  const float* x = run.value(output_);
  float* dx = run.grad(output_);
  const float* targets = loss_.values + run.first_row(output_) * width;
  const auto kernel = loss_.kind == LossKind::squared_error ? run.kernels.loss.squared_error
                                                            : run.kernels.loss.binary_cross_entropy;
  run.parallel_ranges(rows, 16, 4 * width, [&](int64_t begin, int64_t end, int) {
    kernel(end - begin, width, x + begin * width, targets + begin * width, share(count_),
           losses.data() + begin, dx + begin * width);
  });
  return mean(losses, count_);
}

double BatchLoss::span(Run& run) const {
  const Batch& batch = run.batch;
  std::vector<float> losses[2];
  for (auto& list : losses) list.resize(static_cast<size_t>(batch.sequences));
  const float* x = run.value(output_);
  float* dx = run.grad(output_);
  const int32_t* labels[] = {loss_.labels + batch.first_sequence,
                             loss_.ends + batch.first_sequence};
  const float weights[] = {0.5f * share(count_), 0.5f * share(ends_count_)};
  run.parallel(batch.sequences, 8 * batch.tokens, [&](int64_t s, int lane) {
    const int64_t first = batch.offsets[s], length = batch.offsets[s + 1] - first;
    float* column = run.lane_scratch<float>(lane, length);
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t t = 0; t < length; ++t) column[t] = x[2 * (first + t) + c];
      run.kernels.softmax.cross_entropy(1, length, column, labels[c] + s, weights[c],
                                        losses[c].data() + s, column);
      for (int64_t t = 0; t < length; ++t) dx[2 * (first + t) + c] = column[t];
    }
  });
  return 0.5 * (mean(losses[0], count_) + mean(losses[1], ends_count_));
}

}  // namespace sinter
