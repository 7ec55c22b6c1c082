// Checking, packing and sharing of what was written: from the plain form to the one that runs.
#include <algorithm>
#include <cmath>

#include "program/weights.h"

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

bool infinite_half(uint16_t half) { return (half & 0x7C00u) == 0x7C00u; }

}  // namespace

bool Weights::complete(const WeightGroup& g) const {
  return std::all_of(g.members.begin(), g.members.end(), [&](int member) {
    const WeightSpec& s = specs_[static_cast<size_t>(member)];
    const Place& p = place(s.name);
    return p.written == elements(s.name) && (s.dtype != WeightDtype::s8 || p.scales_written);
  });
}

void Weights::check_complete() const {
  for (const WeightSpec& s : specs_) {
    const Place& p = place(s.name);
    if (p.written != elements(s.name) || (s.dtype == WeightDtype::s8 && !p.scales_written)) {
      throw Error(ErrorCode::INTERNAL, "weight " + s.name + " was not written whole");
    }
  }
}

void Weights::check_finite(const WeightGroup& g, Team& team) const {
  const bool codes = g.dtype == WeightDtype::s8;
  const float* values = codes ? g.scales.data() : g.values.data();
  const uint16_t* halves = g.halves.data();
  const int64_t count = codes ? g.rows : g.rows * g.width;
  const int64_t bad =
      g.half ? first_bad(team, count, [&](int64_t i) { return infinite_half(halves[i]); })
             : first_bad(team, count, [&](int64_t i) { return !std::isfinite(values[i]); });
  if (bad == count) return;
  for (int member : g.members) {
    const WeightSpec& s = specs_[static_cast<size_t>(member)];
    const int64_t first = first_row(s.name) * (codes ? 1 : g.width);
    const int64_t size = codes ? s.shape[0] : elements(s.name);
    if (bad < first || bad >= first + size) continue;
    throw Error(ErrorCode::CORRUPT_MODEL,
                "weight " + s.name + (codes ? ": scale " : ": element ") +
                    std::to_string(bad - first) + " must be finite, got " +
                    (g.half ? "an f16 infinity or NaN" : std::to_string(values[bad])));
  }
}

void Weights::pack_matrix(WeightGroup& g, Team& team) const {
  const KernelSet& kernels = active_kernels();
  if (g.dtype == WeightDtype::s8) {
    const GemmS8Format& gemm = kernels.gemm_s8.format(g.activation_bits);
    for_panel_slices(team, g.rows, [&](int64_t row, int64_t count) {
      const int8_t* codes = g.codes.data() + row * g.width;
      gemm.pack(count, g.width, codes, g.packed_codes.data() + gemm.packed_bytes(row, g.width));
      for (int64_t r = 0; r < count; ++r) {
        int32_t sum = 0;
        for (int64_t k = 0; k < g.width; ++k) sum += codes[r * g.width + k];
        g.sums.data()[row + r] = sum;
      }
    });
    return;
  }
  const GemmF32Kernels& gemm = kernels.gemm_f32;
  for_panel_slices(team, g.rows, [&](int64_t row, int64_t count) {
    gemm.pack(g.width, count, g.values.data() + row * g.width, 1, g.width,
              g.packed.data() + row * g.width);
  });
  if (!trainable_) return;
  for_panel_slices(team, g.width, [&](int64_t column, int64_t count) {
    gemm.pack(g.rows, count, g.values.data() + column, g.width, 1,
              g.packed_backward.data() + column * g.rows);
  });
}

void Weights::pack_group(WeightGroup& g, Team& team) {
  check_finite(g, team);
  g.packed_now = true;  // from here on its plain form may be gone: it is not written to again
  if (g.matrix()) pack_matrix(g, team);
  if (trainable_) return;
  if (!g.plain_read()) {
    g.values = {};
    g.codes = {};
    g.plain.clear();
  }
  const int form = 16 * (g.plain_read() ? 1 : 0) + 8 * (g.activation_bits == 7 ? 1 : 0) +
                   4 * (g.matrix() ? 1 : 0) + 2 * (g.half ? 1 : 0) + static_cast<int>(g.dtype);
  const int64_t bytes = place_arrays(g, nullptr);
  g.block = share_block(g.block, {g.rows, g.width, bytes, form}, team);
  place_arrays(g, g.block.get());
}

void Weights::pack(Team& team, const Cancel& cancel) {
  for (WeightGroup& g : groups_) {
    if (g.packed_now || !complete(g)) continue;
    cancel.check();
    pack_group(g, team);
  }
}

void Weights::seal(Team& team, const Cancel& cancel) {
  if (sealed_) throw Error(ErrorCode::INTERNAL, "a program is sealed once");
  check_complete();
  pack(team, cancel);
  resident_bytes_ = count_bytes();
  sealed_.store(true, std::memory_order_release);
}

void Weights::repack(Team& team) {
  for (WeightGroup& g : groups_) {
    if (g.matrix()) pack_matrix(g, team);
  }
}

}  // namespace sinter
