// Memory of the gradients, marks of those that exist, and the norm.
#include "train/gradient_sums.h"

#include <algorithm>
#include <cmath>

namespace sinter {
namespace {

// Elements per chunk, the work of one lane at a time.
constexpr int64_t kChunk = 1 << 15;

}  // namespace

GradientSums::GradientSums(const Program& program) : program_(program) {
  const Weights& weights = program.weights();
  for (int i = 0; i < weights.group_count(); ++i) {
    const Pack& pack = weights.at(i);
    const int64_t size = pack.trained ? pack.rows * pack.width : 0;
    // Gigabytes of a large model: not touched here, on the JavaScript thread.
    gradients_.groups.push_back(AlignedBuffer<float>::zeroed(size));
  }
  reached_.assign(gradients_.groups.size(), 0);
  find_tables();
}

void GradientSums::find_tables() {
  const Weights& weights = program_.weights();
  std::vector<uint8_t> sparse(reached_.size(), 0), dense(reached_.size(), 0);
  // A table that any op reads in another way too, by position or as a vector, has gradients in rows
  // that are no token ids of the batch.
  for (const auto& op : program_.ops()) {
    for (size_t i = 0; i < op->groups().size(); ++i) {
      std::vector<uint8_t>& marks = op->reads_token_rows(i) ? sparse : dense;
      marks[static_cast<size_t>(op->groups()[i])] = 1;
    }
  }
  for (size_t i = 0; i < reached_.size(); ++i) {
    const bool trained = weights.at(static_cast<int>(i)).trained;
    tables_.push_back(sparse[i] != 0 && dense[i] == 0 && trained ? 1 : 0);
  }
}

void GradientSums::clear(Team& team) {
  team.parallel_for(static_cast<int64_t>(reached_.size()), [&](int64_t i, int) {
    const int group = static_cast<int>(i);
    AlignedBuffer<float>& grad = gradients_.groups[static_cast<size_t>(i)];
    if (!is_table(group)) {
      std::fill_n(grad.data(), grad.size(), 0.0f);
      return;
    }
    const int64_t width = program_.weights().at(group).width;
    for (int32_t row : touched_) std::fill_n(grad.data() + row * width, width, 0.0f);
  });
  touched_.clear();
  std::fill(reached_.begin(), reached_.end(), uint8_t{0});
}

void GradientSums::expect(const WholeBatch& batch, const std::vector<uint8_t>& needed) {
  touched_.insert(touched_.end(), batch.ids, batch.ids + batch.tokens());
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i] == 0) continue;
    for (int group : program_.ops()[i]->groups()) {
      if (program_.weights().at(group).trained) reached_[static_cast<size_t>(group)] = 1;
    }
  }
}

std::vector<GradientSums::Chunk> GradientSums::chunks() const {
  std::vector<Chunk> list;
  for (int i = 0; i < static_cast<int>(reached_.size()); ++i) {
    if (!reached(i)) continue;
    const Pack& pack = program_.weights().at(i);
    const int64_t total = is_table(i) ? pack.rows : pack.rows * pack.width;
    const int64_t piece = is_table(i) ? std::max<int64_t>(1, kChunk / pack.width) : kChunk;
    for (int64_t begin = 0; begin < total; begin += piece)
      list.push_back({i, begin, std::min(total, begin + piece)});
  }
  return list;
}

template <typename Body>
void GradientSums::each_range(const Chunk& chunk, const Body& body) const {
  if (!is_table(chunk.group)) {
    body(chunk.begin, chunk.end);
    return;
  }
  const int64_t width = program_.weights().at(chunk.group).width;
  auto row = std::lower_bound(touched_.begin(), touched_.end(), static_cast<int32_t>(chunk.begin));
  for (; row != touched_.end() && *row < chunk.end; ++row) body(*row * width, (*row + 1) * width);
}

double GradientSums::norm(Team& team) const {
  const std::vector<Chunk> list = chunks();
  std::vector<double> sums(list.size(), 0.0);
  const OptimizerKernels& kernels = active_kernels().optimizer;
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    const Chunk& chunk = list[static_cast<size_t>(i)];
    const float* grad = of(chunk.group);
    double& sum = sums[static_cast<size_t>(i)];
    each_range(chunk, [&](int64_t begin, int64_t end) {
      sum += kernels.sum_squares(end - begin, grad + begin);
    });
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return std::sqrt(total);
}

void GradientSums::clamp(Team& team, float limit) {
  const std::vector<Chunk> list = chunks();
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    const Chunk& chunk = list[static_cast<size_t>(i)];
    float* grad = gradients_.groups[static_cast<size_t>(chunk.group)].data();
    each_range(chunk, [&](int64_t begin, int64_t end) {
      active_kernels().optimizer.clamp(end - begin, limit, grad + begin);
    });
  });
}

}  // namespace sinter
