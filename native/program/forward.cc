// Cuts a batch into slices, and runs one slice through the program.
#include "program/forward.h"

#include <algorithm>

namespace sinter {
namespace {

// The most floats in all values of selected tokens of one micro-batch (64 MB), because each of
// these values may be as wide as a vocabulary.
constexpr int64_t kSelectedFloats = int64_t{1} << 24;

// A lane that other threads hold up leaves its next slices to the others, so a lane has several
// slices where they are not too small to be computed well.
constexpr int64_t kRounds = 3;
constexpr int64_t kRoundTokens = 64;

// The number of selected tokens before token `token`.
int64_t selected_before(const WholeBatch& batch, int64_t token) {
  if (batch.selected_tokens < 0) return token;
  const int32_t* last = batch.selected + batch.selected_tokens;
  return std::lower_bound(batch.selected, last, token) - batch.selected;
}

// Sets the selected tokens of a micro-batch, as token numbers of the micro-batch, in `indices`.
void select_tokens(const WholeBatch& whole, Batch& batch, int32_t* indices) {
  batch.selected = indices;
  if (whole.selected_tokens < 0) {
    for (int64_t t = 0; t < batch.tokens; ++t) indices[t] = static_cast<int32_t>(t);
    batch.selected_tokens = batch.tokens;
    batch.first_selected = batch.first_token;
    return;
  }
  const int64_t from = selected_before(whole, batch.first_token);
  const int64_t to = selected_before(whole, batch.first_token + batch.tokens);
  batch.selected_tokens = to - from;
  batch.first_selected = from;
  for (int64_t i = from; i < to; ++i)
    *indices++ = whole.selected[i] - static_cast<int32_t>(batch.first_token);
}

}  // namespace

int64_t WholeBatch::rows(ValueKind kind) const {
  switch (kind) {
    case ValueKind::token:
      return tokens();
    case ValueKind::sequence:
      return sequences;
    case ValueKind::selected:
      return selected_tokens < 0 ? tokens() : selected_tokens;
    case ValueKind::table:
      break;
  }
  return 0;
}

std::vector<Slice> cut_batch(const WholeBatch& batch, int64_t budget, int64_t most_selected) {
  std::vector<Slice> slices;
  int64_t first = 0;  // index of the first selected token of the slice
  for (int64_t i = 0; i < batch.sequences; ++i) {
    const int64_t end = batch.offsets[i + 1];
    if (slices.empty() || end - batch.offsets[slices.back().begin] > budget ||
        selected_before(batch, end) - first > most_selected) {
      slices.push_back({i, i});
      first = selected_before(batch, batch.offsets[i]);
    }
    slices.back().end = i + 1;
  }
  return slices;
}

std::vector<Slice> share_batch(const WholeBatch& batch, int64_t shares) {
  std::vector<Slice> slices;
  const int64_t tokens = batch.tokens();
  int64_t last = -1;
  for (int64_t i = 0; i < batch.sequences; ++i) {
    // Twice the place of its middle, so that no half token is lost.
    const int64_t middle = int64_t{batch.offsets[i]} + batch.offsets[i + 1];
    const int64_t share =
        std::min(shares - 1, middle * shares / (2 * std::max<int64_t>(1, tokens)));
    if (share != last) slices.push_back({i, i});
    slices.back().end = i + 1;
    last = share;
  }
  return slices;
}

Batch make_batch(const WholeBatch& whole, Slice slice, Workspace& workspace) {
  const int32_t* offsets = whole.offsets + slice.begin;
  Batch batch;
  batch.sequences = slice.end - slice.begin;
  batch.first_sequence = slice.begin;
  batch.first_token = offsets[0];
  batch.unpooled = whole.unpooled;
  batch.features = whole.features;
  batch.tokens = offsets[batch.sequences] - offsets[0];
  batch.ids = whole.ids + batch.first_token;
  std::vector<int32_t>& indices = workspace.indices;
  const size_t tokens = static_cast<size_t>(batch.tokens),
               ends = static_cast<size_t>(batch.sequences) + 1;
  indices.assign(ends + 3 * tokens, 0);
  int32_t* rebased = indices.data();
  int32_t* positions = rebased + ends;
  for (int64_t s = 0; s < batch.sequences; ++s) {
    rebased[s + 1] = offsets[s + 1] - offsets[0];
    const int32_t length = rebased[s + 1] - rebased[s];
    for (int32_t p = 0; p < length; ++p) positions[rebased[s] + p] = p;
    batch.longest = std::max<int64_t>(batch.longest, length);
  }
  batch.offsets = rebased;
  batch.positions = positions;
  batch.segments =
      whole.segments != nullptr ? whole.segments + batch.first_token : positions + tokens;
  select_tokens(whole, batch, positions + 2 * tokens);
  return batch;
}

Forward::Forward(const Program& program, const WholeBatch& batch,
                 const std::vector<OutputTarget>& targets, int64_t budget, int lanes)
    : program_(program), batch_(batch), targets_(targets), budget_(budget) {
  std::vector<int> wanted;
  for (const OutputTarget& target : targets) wanted.push_back(target.value);
  needed_ = program.needed_ops(wanted);
  batch_ = program.without_unused(batch, needed_);
  slices_ = slices_for(lanes);
}

std::vector<Slice> Forward::slices_for(int lanes) const {
  const int64_t tokens = batch_.tokens();
  const int64_t needed = (tokens + budget_ * lanes - 1) / (budget_ * lanes);
  const int64_t wanted = lanes == 1 ? 1 : std::min(kRounds, tokens / (lanes * kRoundTokens));
  const int64_t rounds = std::max({int64_t{1}, needed, wanted});
  std::vector<Slice> shares = share_batch(batch_, rounds * lanes);
  const bool fits = std::all_of(shares.begin(), shares.end(), [&](const Slice& slice) {
    const int64_t begin = batch_.offsets[slice.begin], end = batch_.offsets[slice.end];
    return end - begin <= budget_ &&
           selected_before(batch_, end) - selected_before(batch_, begin) <= most_selected();
  });
  if (fits) return shares;
  return cut_batch(batch_, std::min(budget_, (tokens + lanes - 1) / lanes), most_selected());
}

int64_t Forward::most_selected() const {
  const int64_t width = program_.plan().widths[static_cast<size_t>(Room::selected)];
  return kSelectedFloats / std::max<int64_t>(1, width);
}

bool Forward::spreads(int lanes) const {
  const int64_t count = static_cast<int64_t>(slices_.size());
  if (lanes == 1 || count >= 3 * lanes) return true;
  if (count < lanes) return false;
  int64_t largest = 0;
  for (const Slice& s : slices_)
    largest = std::max<int64_t>(largest, batch_.offsets[s.end] - batch_.offsets[s.begin]);
  const int64_t rounds = (count + lanes - 1) / lanes;
  return largest * rounds * lanes * 4 <= batch_.tokens() * 5;  // at most 25 % over an even split
}

void Forward::run(Slice slice, const Seat& seat, const Cancel& cancel) const {
  const Batch batch = make_batch(batch_, slice, seat.workspace);
  Run run(batch, program_.weights(), program_.values(), program_.plan(), program_.tables(),
          seat.workspace, seat.team);
  run.interlude = seat.interlude;
  run.lane = seat.lane;
  program_.forward(run, needed_, targets_, cancel);
}

}  // namespace sinter
