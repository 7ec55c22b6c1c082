// From what was written, or what other weights hold, to the form that runs: filling, checking,
// packing, sharing.
#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "kernels/kernel_set.h"
#include "weights/store.h"

namespace sinter {
namespace {

// Panels handed to a lane at once when packing: large enough that the hand-over costs nothing.
constexpr int64_t kPackPanels = 8;
// Elements that a lane checks at a time.
constexpr int64_t kCheckPiece = int64_t{1} << 16;

// task(first column, columns) over slices of `columns` columns, a multiple of the GEMM panel each
// but the last.
template <typename Task>
void for_panel_slices(Team& team, int64_t columns, const Task& task) {
  const int64_t slice = kPackPanels * kGemmPanel;
  team.parallel_for((columns + slice - 1) / slice,
                    [&](int64_t i, int) { task(i * slice, std::min(slice, columns - i * slice)); });
}

// The first of `count` elements that is_bad(element), or count.
template <typename IsBad>
int64_t first_bad(Team& team, int64_t count, const IsBad& is_bad) {
  std::atomic<int64_t> first{count};
  team.parallel_for((count + kCheckPiece - 1) / kCheckPiece, [&](int64_t piece, int) {
    const int64_t end = std::min(count, (piece + 1) * kCheckPiece);
    for (int64_t i = piece * kCheckPiece; i < end; ++i) {
      if (!is_bad(i)) continue;
      int64_t known = first.load();
      while (i < known && !first.compare_exchange_weak(known, i)) {
      }
      return;
    }
  });
  return first.load();
}

// Elements of another weight that a lane takes over at a time.
constexpr int64_t kFillPiece = int64_t{1} << 18;

bool infinite_half(uint16_t half) { return (half & 0x7C00u) == 0x7C00u; }

// Rows [begin, end) of `source`, counted from its own first row, each column divided by its
// divisor.
void read_divided(const WeightSource& source, int64_t begin, int64_t end, float* values) {
  const Weight& weight = *source.weight;
  const int64_t first = weight.first_row(), width = weight.spec.width();
  weight.home->read(first + begin, first + end, values);
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
  const int64_t step = std::max<int64_t>(1, kFillPiece / width), count = member.spec.rows();
  const bool same = from.spec.dtype == dtype && source.divisor.empty();
  team.parallel_for((count + step - 1) / step, [&](int64_t piece, int) {
    const int64_t begin = piece * step, end = std::min(count, begin + step);
    const int64_t row = member.row + begin, theirs = from.first_row();
    if (dtype == WeightDtype::f32) {
      read_divided(source, begin, end, values.data() + row * width);
    } else if (dtype == WeightDtype::f16) {
      from.home->read_halves(theirs + begin, theirs + end, halves.data() + row * width);
    } else if (same) {
      from.home->read_codes(theirs + begin, theirs + end, codes.data() + row * width,
                            scales.data() + row);
    } else {
      std::vector<float> floats(static_cast<size_t>((end - begin) * width));
      read_divided(source, begin, end, floats.data());
      active_kernels().quantize.weights_s8(end - begin, width, floats.data(),
                                           codes.data() + row * width, scales.data() + row,
                                           nullptr);
    }
  });
  member.written = member.spec.elements();
  member.scales_written = true;
}

void Pack::check_finite(Team& team) const {
  const bool coded = dtype == WeightDtype::s8, half = dtype == WeightDtype::f16;
  const float* floats = coded ? scales.data() : values.data();
  const int64_t count = coded ? rows : rows * width;
  const int64_t bad =
      half ? first_bad(team, count, [&](int64_t i) { return infinite_half(halves.data()[i]); })
           : first_bad(team, count, [&](int64_t i) { return !std::isfinite(floats[i]); });
  if (bad == count) return;
  for (const PackMember& member : members) {
    const int64_t first = member.row * (coded ? 1 : width);
    const int64_t size = coded ? member.spec.rows() : member.spec.elements();
    if (bad < first || bad >= first + size) continue;
    throw Error(ErrorCode::CORRUPT_MODEL,
                "weight " + member.spec.name + (coded ? ": scale " : ": element ") +
                    std::to_string(bad - first) + " must be finite, got " +
                    (half ? "an f16 infinity or NaN" : std::to_string(floats[bad])));
  }
}

void Pack::pack_matrix(Team& team) {
  const KernelSet& kernels = active_kernels();
  if (dtype == WeightDtype::s8) {
    const GemmS8Format& gemm = kernels.gemm_s8.format(activation_bits);
    for_panel_slices(team, rows, [&](int64_t row, int64_t count) {
      const int8_t* from = codes.data() + row * width;
      gemm.pack(count, width, from, packed_codes.data() + gemm.packed_bytes(row, width));
      for (int64_t r = 0; r < count; ++r) {
        int32_t sum = 0;
        for (int64_t k = 0; k < width; ++k) sum += from[r * width + k];
        sums.data()[row + r] = sum;
      }
    });
    return;
  }
  const GemmF32Kernels& gemm = kernels.gemm_f32;
  for_panel_slices(team, rows, [&](int64_t row, int64_t count) {
    gemm.pack(width, count, values.data() + row * width, 1, width, packed.data() + row * width);
  });
  if (!backward()) return;
  for_panel_slices(team, width, [&](int64_t column, int64_t count) {
    gemm.pack(rows, count, values.data() + column, width, 1,
              packed_backward.data() + column * rows);
  });
}

void Pack::make_ready(Team& team, const Cancel& cancel) {
  if (begun)
    throw Error(ErrorCode::INTERNAL, "weight " + members[0].spec.name + " could not be sealed");
  begun = true;
  for (PackMember& member : members) {
    if (member.source.weight != nullptr) fill(member, team, cancel);
  }
  check_finite(team);
  if (matrix()) pack_matrix(team);
  for (PackMember& member : members) member.source = {};
  if (!trained) {
    if (!plain_read()) {
      values = {};
      codes = {};
      plain.clear();
    }
    const int form = 32 * (backward() ? 1 : 0) + 16 * (plain_read() ? 1 : 0) +
                     8 * (activation_bits == 7 ? 1 : 0) + 4 * (matrix() ? 1 : 0) +
                     static_cast<int>(dtype);
    const int64_t size = place_arrays(nullptr);
    block = share_block(block, {rows, width, size, form}, team);
    place_arrays(block.get());
  }
  ready.store(true, std::memory_order_release);
}

void Pack::repack(Team& team) {
  if (matrix()) pack_matrix(team);
}

}  // namespace sinter
