// Brings weights from written values or from their sources into the form that runs: filling,
// checking, packing, sharing.
#include <algorithm>
#include <string>

#include "base/errors.h"
#include "weights/store.h"

namespace sinter {
namespace {

// Elements per piece of the check, which lanes share.
constexpr int64_t kCheckPiece = int64_t{1} << 16;
// Elements of a source that a lane copies at a time: few enough for its cache and for small
// buffers.
constexpr int64_t kFillPiece = int64_t{1} << 14;

// Index of the first of `count` elements that is not finite, or count.
int64_t first_infinite(Team& team, const ElementType& type, int64_t count, const uint8_t* from) {
  std::atomic<int64_t> first{count};
  team.parallel_for((count + kCheckPiece - 1) / kCheckPiece, [&](int64_t piece, int) {
    const int64_t begin = piece * kCheckPiece, size = std::min(kCheckPiece, count - begin);
    const int64_t bad = type.first_infinite(size, from + begin * type.bytes);
    if (bad == size) return;
    int64_t known = first.load();
    while (begin + bad < known && !first.compare_exchange_weak(known, begin + bad)) {
    }
  });
  return first.load();
}

// Reads rows [begin, end) of the kept rows of a source, with its kept columns only.
void read_cut(const WeightSource& source, int64_t begin, int64_t end, int64_t width,
              float* values) {
  const Weight& weight = *source.weight;
  const int64_t first = weight.first_row();
  if (source.whole()) {
    weight.home->read(first + begin, first + end, values);
    return;
  }
  std::vector<float> all(static_cast<size_t>(weight.spec.width()));
  for (int64_t i = begin; i < end; ++i) {
    const int64_t row = first + source.row(i);
    weight.home->read(row, row + 1, all.data());
    float* to = values + (i - begin) * width;
    for (int64_t c = 0; c < width; ++c) {
      const size_t column = static_cast<size_t>(c);
      to[c] = all[source.columns.empty() ? column : static_cast<size_t>(source.columns[column])];
    }
  }
}

// As read_cut, with each column divided by its divisor.
void read_divided(const WeightSource& source, int64_t begin, int64_t end, int64_t width,
                  float* values) {
  read_cut(source, begin, end, width, values);
  if (source.divisor.empty()) return;
  for (int64_t row = 0; row < end - begin; ++row) {
    for (int64_t c = 0; c < width; ++c)
      values[row * width + c] /= source.divisor[static_cast<size_t>(c)];
  }
}

}  // namespace

void Pack::fill(PackMember& member, Team& team, const Cancel& cancel) {
  cancel.check();
  const WeightSource& source = member.source;
  const Weight& from = *source.weight;
  if (!from.ready())
    throw Error(ErrorCode::INTERNAL, "weight " + from.spec.name + " was not written whole");
  // Pieces are whole panels, so that no panel is unpacked twice.
  const int64_t step = std::max<int64_t>(1, kFillPiece / width / kGemmPanel) * kGemmPanel;
  const int64_t count = member.spec.rows();
  // With all columns kept, rows are copied as stored. Columns of a row may share a scale, so a row
  // with fewer columns is converted again.
  const bool same =
      from.spec.storage == storage && source.divisor.empty() && source.columns.empty();
  team.parallel_for((count + step - 1) / step, [&](int64_t piece, int) {
    const int64_t begin = piece * step, end = std::min(count, begin + step);
    const int64_t theirs = from.first_row();
    if (same && source.whole()) {
      from.home->read_parts(theirs + begin, theirs + end, writable_rows(member.row + begin));
    } else if (same) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = theirs + source.row(i);
        from.home->read_parts(row, row + 1, writable_rows(member.row + i));
      }
    } else if (!values.empty()) {
      read_divided(source, begin, end, width, values.data() + (member.row + begin) * width);
    } else {
      std::vector<float> floats(static_cast<size_t>((end - begin) * width));
      read_divided(source, begin, end, width, floats.data());
      storage->narrow(end - begin, width, floats.data(), writable_rows(member.row + begin));
    }
  });
}

void Pack::check_finite(Team& team) const {
  const auto spec = storage->parts();
  for (size_t i = 0; i < spec.size(); ++i) {
    const ElementType& type = *spec[i].type;
    if (type.first_infinite == nullptr) continue;
    const int64_t each = spec[i].row_elements(width);
    const int64_t bad = first_infinite(team, type, rows * each, parts[i].data());
    if (bad == rows * each) continue;
    for (const PackMember& member : members) {
      const int64_t first = member.row * each;
      if (bad < first || bad >= first + member.spec.rows() * each) continue;
      float value;
      type.widen(1, parts[i].data() + bad * type.bytes, &value);
      const std::string what = spec[i].name[0] == '\0' ? "element" : spec[i].name;
      throw Error(ErrorCode::CORRUPT_MODEL, "weight " + member.spec.name + ": " + what + " " +
                                                std::to_string(bad - first) +
                                                " must be finite, got " + std::to_string(value));
    }
  }
}

void Pack::make_ready(Team& team, const Cancel& cancel) {
  if (begun)
    throw Error(ErrorCode::INTERNAL, "weight " + members[0].spec.name + " could not be sealed");
  begun = true;
  for (PackMember& member : members) {
    if (member.source.weight != nullptr) fill(member, team, cancel);
  }
  check_finite(team);
  if (matrix()) storage->pack(*this, team);
  for (PackMember& member : members) member.source = {};
  if (!trained) share(team);
  ready.store(true, std::memory_order_release);
}

// Shares the parts and the packed forms separately: then a table is held once even when only one of
// two programs also uses it as a matrix, and a frozen matrix that passes gradients on shares what
// products read with programs that do not train.
void Pack::share(Team& team) {
  plain.clear();
  const int form = 8 * storage_index(*storage);
  if (const int64_t size = place_parts(nullptr); size > 0) {
    plain_block = share_block(plain_block, {rows, width, size, form + (keeps(0) ? 1 : 0)}, team);
    place_parts(plain_block.get());
  }
  if (const int64_t size = place_packed(nullptr); size > 0) {
    const int packed_form = form + 4 + (activation_bits == 7 ? 1 : 0);
    packed_block = share_block(packed_block, {rows, width, size, packed_form}, team);
    place_packed(packed_block.get());
  }
  if (const int64_t size = place_backward(nullptr); size > 0) {
    backward_block = share_block(backward_block, {rows, width, size, form + 6}, team);
    place_backward(backward_block.get());
  }
}

void Pack::repack(Team& team) {
  if (matrix()) storage->pack(*this, team);
}

}  // namespace sinter
