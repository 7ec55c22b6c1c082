// Copying, averaging and exchanging of weights in chunks.
#include "train/weight_copies.h"

#include <algorithm>
#include <cstring>

namespace sinter {
namespace {

// Elements per chunk, the work of one lane at a time.
constexpr int64_t kChunk = 1 << 15;

}  // namespace

WeightCopies::WeightCopies(Program& program, const CopySettings& settings)
    : program_(program), settings_(settings) {
  if (has_average()) make(average_);
  if (has_kept()) make(kept_);
}

void WeightCopies::make(Buffers& buffers) const {
  const Weights& weights = program_.weights();
  for (int i = 0; i < weights.group_count(); ++i) {
    const Pack& pack = weights.at(i);
    buffers.push_back(AlignedBuffer<float>::zeroed(pack.trained ? pack.rows * pack.width : 0));
  }
}

template <typename Body>
void WeightCopies::each_chunk(Team& team, Buffers& buffers, const Body& body) {
  Weights& weights = program_.weights();
  std::vector<Chunk> list;
  for (int i = 0; i < weights.group_count(); ++i) {
    const Pack& pack = weights.at(i);
    const int64_t total = pack.trained ? pack.rows * pack.width : 0;
    for (int64_t begin = 0; begin < total; begin += kChunk)
      list.push_back({i, begin, std::min(total, begin + kChunk)});
  }
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    const Chunk& chunk = list[static_cast<size_t>(i)];
    body(weights.at(chunk.group).values.data() + chunk.begin,
         buffers[static_cast<size_t>(chunk.group)].data() + chunk.begin, chunk.end - chunk.begin);
  });
}

void WeightCopies::begin(Team& team) {
  if (!has_average()) return;
  each_chunk(team, average_, [](const float* values, float* copy, int64_t count) {
    std::memcpy(copy, values, static_cast<size_t>(count) * sizeof(float));
  });
}

void WeightCopies::follow(Team& team) {
  if (!has_average()) return;
  const float rate = static_cast<float>(1 - settings_.average_decay);
  each_chunk(team, average_, [rate](const float* values, float* copy, int64_t count) {
    active_kernels().optimizer.blend(count, rate, values, copy);
  });
}

void WeightCopies::keep(Team& team) {
  if (!has_kept()) throw Error(ErrorCode::INTERNAL, "the trainer keeps no weights");
  each_chunk(team, kept_, [](const float* values, float* copy, int64_t count) {
    std::memcpy(copy, values, static_cast<size_t>(count) * sizeof(float));
  });
}

void WeightCopies::exchange_average(Team& team) {
  if (!has_average()) throw Error(ErrorCode::INTERNAL, "the trainer has no average");
  exchange(team, average_);
}

void WeightCopies::exchange_kept(Team& team) {
  if (!has_kept()) throw Error(ErrorCode::INTERNAL, "the trainer keeps no weights");
  exchange(team, kept_);
}

void WeightCopies::exchange(Team& team, Buffers& buffers) {
  each_chunk(team, buffers, [](float* values, float* copy, int64_t count) {
    std::swap_ranges(values, values + count, copy);
  });
  Weights& weights = program_.weights();
  for (int i = 0; i < weights.group_count(); ++i) {
    if (weights.at(i).trained) weights.at(i).repack(team);
  }
}

}  // namespace sinter
