// Updates the weights in chunks, each of one weight, and lists the buffers by name.
#include "train/optimizer_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>

namespace sinter {
namespace {

// Elements per chunk, the work of one lane at a time.
constexpr int64_t kChunk = 1 << 15;

}  // namespace

OptimizerState::OptimizerState(Program& program, const OptimizerSettings& settings,
                               const std::vector<ParameterGroup>& groups, const GradientSums& sums,
                               const CopySettings& copies)
    : program_(program), optimizer_(make_optimizer(settings)), copies_(program, copies) {
  const Weights& weights = program.weights();
  std::unordered_map<std::string, WeightSettings> named;
  for (const ParameterGroup& group : groups) {
    for (const std::string& name : group.weights) {
      weights.spec(name);  // it exists
      if (!named.emplace(name, group.settings).second)
        throw Error(ErrorCode::INTERNAL, "weight " + name + " is in two parameter groups");
    }
  }
  for (int i = 0; i < weights.group_count(); ++i) {
    const Pack& pack = weights.at(i);
    GroupState state;
    for (const std::string& name : weights.names(i)) state.members.push_back(named[name]);
    if (pack.trained) {
      for (size_t b = 0; b < optimizer_->buffers().size(); ++b)
        state.buffers.push_back(AlignedBuffer<float>::zeroed(pack.rows * pack.width));
    }
    if (sums.is_table(i)) state.seen.assign(static_cast<size_t>(pack.rows), 0);
    groups_.push_back(std::move(state));
  }
  list_state();
}

void OptimizerState::list_state() {
  Weights& weights = program_.weights();
  const auto add = [&](const std::string& kind, const std::string& weight, bool bytes,
                       int64_t elements, void* data) {
    places_.emplace(kind + ":" + weight, state_.size());
    state_.push_back({kind + ":" + weight, weight, bytes, elements, static_cast<uint8_t*>(data)});
  };
  for (int i = 0; i < weights.group_count(); ++i) {
    Pack& pack = weights.at(i);
    GroupState& state = groups_[static_cast<size_t>(i)];
    for (const std::string& name : weights.names(i)) {
      if (!pack.trained) break;
      const int64_t row = weights.first_row(name), elements = weights.elements(name);
      const int64_t first = row * pack.width;
      add("weight", name, false, elements, pack.values.data() + first);
      const std::vector<std::string> buffers = optimizer_->buffers();
      for (size_t b = 0; b < buffers.size(); ++b)
        add(buffers[b], name, false, elements, state.buffers[b].data() + first);
      if (!state.seen.empty())
        add("seen", name, true, elements / pack.width, state.seen.data() + row);
      if (copies_.has_average()) add("average", name, false, elements, copies_.average(i) + first);
      if (copies_.has_kept()) add("kept", name, false, elements, copies_.kept(i) + first);
    }
  }
}

std::vector<OptimizerState::Chunk> OptimizerState::chunks(const GradientSums& sums) const {
  std::vector<Chunk> list;
  for (int i = 0; i < static_cast<int>(groups_.size()); ++i) {
    if (!sums.reached(i)) continue;
    const Pack& pack = program_.weights().at(i);
    const int64_t piece = std::max<int64_t>(1, kChunk / pack.width);
    for (size_t m = 0; m < pack.members.size(); ++m) {
      const int64_t first = pack.members[m].row;
      const int64_t last = m + 1 < pack.members.size() ? pack.members[m + 1].row : pack.rows;
      for (int64_t begin = first; begin < last; begin += piece)
        list.push_back({i, m, begin, std::min(last, begin + piece)});
    }
  }
  return list;
}

void OptimizerState::update(Team& team, const GradientSums& sums, double learning_rate,
                            double grad_scale) {
  const std::vector<Chunk> list =
      chunks(sums);  // allocates, so it is first: nothing below can fail
  std::vector<Squares> squares(optimizer_->measures() ? list.size() : 0);
  std::vector<double> ratios(list.size(), 1.0);
  if (steps_ == 0) copies_.begin(team);
  ++steps_;
  optimizer_->begin_step(steps_, learning_rate, grad_scale);
  for (int i = 0; i < static_cast<int>(groups_.size()); ++i) {
    GroupState& state = groups_[static_cast<size_t>(i)];
    if (state.seen.empty() || !sums.reached(i)) continue;
    for (int32_t row : sums.touched()) state.seen[static_cast<size_t>(row)] = 1;
  }
  find_ratios(team, list, sums, squares, ratios);
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    update_chunk(list[static_cast<size_t>(i)], sums, ratios[static_cast<size_t>(i)]);
  });
  for (int i = 0; i < static_cast<int>(groups_.size()); ++i) {
    if (sums.reached(i)) program_.weights().at(i).repack(team);
  }
  copies_.follow(team);
}

void OptimizerState::find_ratios(Team& team, const std::vector<Chunk>& list,
                                 const GradientSums& sums, std::vector<Squares>& squares,
                                 std::vector<double>& ratios) {
  if (!optimizer_->measures()) return;
  const auto settings = [&](const Chunk& chunk) -> const WeightSettings& {
    return groups_[static_cast<size_t>(chunk.group)].members[chunk.member];
  };
  team.parallel_for(static_cast<int64_t>(list.size()), [&](int64_t i, int) {
    const Chunk& chunk = list[static_cast<size_t>(i)];
    squares[static_cast<size_t>(i)] =
        optimizer_->measure(settings(chunk), span_of(chunk, sums, chunk.begin, chunk.end));
  });
  // The chunks of a weight follow each other; their sums are added in this order.
  for (size_t first = 0, end; first < list.size(); first = end) {
    Squares sum;
    for (end = first; end < list.size() && list[end].group == list[first].group &&
                      list[end].member == list[first].member;
         ++end) {
      sum.values += squares[end].values;
      sum.update += squares[end].update;
    }
    std::fill(ratios.begin() + static_cast<int64_t>(first),
              ratios.begin() + static_cast<int64_t>(end),
              optimizer_->ratio(settings(list[first]), sum));
  }
}

UpdateSpan OptimizerState::span_of(const Chunk& chunk, const GradientSums& sums, int64_t begin,
                                   int64_t end) {
  GroupState& state = groups_[static_cast<size_t>(chunk.group)];
  Pack& pack = program_.weights().at(chunk.group);
  const int64_t at = begin * pack.width;
  UpdateSpan span;
  span.count = (end - begin) * pack.width;
  span.values = pack.values.data() + at;
  span.grad = sums.of(chunk.group) + at;
  for (size_t b = 0; b < state.buffers.size(); ++b) span.state[b] = state.buffers[b].data() + at;
  return span;
}

void OptimizerState::update_chunk(const Chunk& chunk, const GradientSums& sums, double ratio) {
  GroupState& state = groups_[static_cast<size_t>(chunk.group)];
  const WeightSettings& settings = state.members[chunk.member];
  const auto span = [&](int64_t begin, int64_t end) {
    UpdateSpan rows = span_of(chunk, sums, begin, end);
    rows.ratio = ratio;
    return rows;
  };
  if (state.seen.empty() || optimizer_->measures()) {
    optimizer_->update(settings, span(chunk.begin, chunk.end));
    return;
  }
  // Runs of seen or unseen rows are updated together, because most rows of a vocabulary never
  // occur.
  const auto seen = [&](int64_t row) { return state.seen[static_cast<size_t>(row)] != 0; };
  for (int64_t begin = chunk.begin, end; begin < chunk.end; begin = end) {
    for (end = begin + 1; end < chunk.end && seen(end) == seen(begin);) ++end;
    if (seen(begin)) {
      optimizer_->update(settings, span(begin, end));
    } else {
      optimizer_->rest(settings, span(begin, end));
    }
  }
}

const StateBuffer& OptimizerState::buffer(const std::string& name, int64_t offset,
                                          int64_t size) const {
  const auto found = places_.find(name);
  if (found == places_.end()) throw Error(ErrorCode::INTERNAL, "the trainer has no state " + name);
  const StateBuffer& buffer = state_[found->second];
  if (offset < 0 || size < 0 || offset > buffer.size() - size)
    throw Error(ErrorCode::INTERNAL,
                "state " + name + " has " + std::to_string(buffer.size()) + " bytes");
  return buffer;
}

void OptimizerState::read(const std::string& name, int64_t offset, int64_t size,
                          uint8_t* to) const {
  const StateBuffer& from = buffer(name, offset, size);
  if (size > 0) std::memcpy(to, from.data + offset, static_cast<size_t>(size));
}

void OptimizerState::write(const std::string& name, int64_t offset, int64_t size,
                           const uint8_t* from) {
  const StateBuffer& to = buffer(name, offset, size);
  if (!to.bytes && (offset % 4 != 0 || size % 4 != 0))
    throw Error(ErrorCode::INTERNAL, "state " + name + " is written in whole numbers");
  for (int64_t at = 0; !to.bytes && at < size; at += 4) {
    float value;
    std::memcpy(&value, from + at, sizeof(value));
    if (!std::isfinite(value))
      throw Error(ErrorCode::CORRUPT_MODEL, "state " + name + " holds a number that is not finite");
  }
  if (size > 0) std::memcpy(to.data + offset, from, static_cast<size_t>(size));
}

void OptimizerState::restore(Team& team, int64_t steps) {
  steps_ = steps;
  for (int i = 0; i < static_cast<int>(groups_.size()); ++i) {
    if (program_.weights().at(i).trained) program_.weights().at(i).repack(team);
  }
}

}  // namespace sinter
