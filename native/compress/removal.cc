// The changes of inv(H) and W are of low rank, so they are collected: inv(H) = P - U^T U and
// W = Q - V^T U, where a removal adds rows to U and V. P and Q are brought up to date by one
// product every kPending rows. Columns of removed groups are dropped from P and Q now and then.
#include "compress/removal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "compress/cholesky.h"
#include "compress/product.h"
#include "compress/small_matrix.h"

namespace sinter {
namespace {

constexpr int64_t kPending = 64;
constexpr int64_t kStrip = 128;  // columns that a lane works on at once

using Buffer = AlignedBuffer<double>;

class Remover {
 public:
  Remover(const Work& work, const Gram& gram, const Removal& removal);
  Removed run();

 private:
  int64_t stored() const { return static_cast<int64_t>(columns_.size()); }
  int64_t groups() const { return static_cast<int64_t>(groups_.size()); }
  bool is_live(int64_t slot) const { return live_[static_cast<size_t>(slot)]; }

  void invert();
  void measure_groups();
  double score(int64_t slot);
  int64_t best();
  void remove(int64_t slot, Removed& to);
  void read_pending(int64_t first);
  double factor(int64_t first);
  double change_of_squares(int64_t at);
  void update_groups(int64_t at);
  void flush();
  void compact();
  std::vector<float> weights() const;

  const Work& work_;
  const Gram& gram_;
  const Removal& removal_;
  const GemmF64Kernels& kernels_ = f64_kernels();
  const int64_t n_, outputs_, group_;
  double damping_ = 0;
  std::vector<int64_t> columns_;  // of W, for each stored column
  std::vector<int64_t> groups_;   // group in each slot: stored columns [slot * group, ...)
  std::vector<bool> live_;
  Buffer inverse_;            // P [stored, stored]
  Buffer weight_, original_;  // Q and W0, [outputs, stored]
  int64_t pending_ = 0;
  Buffer u_, v_;            // [kPending + group, stored], [.., outputs]
  Buffer e_, f_;            // V W and V W0 of the last removal, [group, stored]
  Buffer cross_;            // V V^T of the last removal, [group, group]
  Buffer squares_, block_;  // W_M^T W_M and inv(H)_MM of each slot, [group, group]
  Buffer scratch_;
  double difference_ = 0;  // ||W - W0||^2
  double total_ = 0;       // sum of the scores
};

Remover::Remover(const Work& work, const Gram& gram, const Removal& removal)
    : work_(work),
      gram_(gram),
      removal_(removal),
      n_(gram.width()),
      outputs_(removal.outputs),
      group_(removal.group),
      inverse_(n_ * n_),
      weight_(outputs_ * n_),
      original_(outputs_ * n_),
      u_((kPending + group_) * n_),
      v_((kPending + group_) * outputs_),
      e_(group_ * n_),
      f_(group_ * n_),
      cross_(group_ * group_),
      squares_(gram.inputs() * group_),
      block_(gram.inputs() * group_),
      scratch_(2 * group_ * group_) {
  for (int64_t i = 0; i < n_; ++i) columns_.push_back(i);
  for (int64_t i = 0; i < gram.inputs() / group_; ++i) groups_.push_back(i);
  live_.assign(groups_.size(), true);
  std::copy_n(removal.weight, outputs_ * n_, weight_.data());
  std::copy_n(removal.weight, outputs_ * n_, original_.data());
}

// P = inv(G + damping).
void Remover::invert() {
  damping_ = removal_.lambda * gram_.mean_diagonal();
  Buffer l(n_ * n_);
  std::copy_n(gram_.products(), n_ * n_, l.data());
  for (int64_t i = 0; i < n_; ++i) {
    double& diagonal = l.data()[i * n_ + i];
    diagonal += damping_;
    if (diagonal != 0) continue;
    // An input that is always 0: its weights cost nothing.
    diagonal = 1;
    for (int64_t row = 0; row < outputs_; ++row) {
      double& weight = weight_.data()[row * n_ + i];
      difference_ += weight * weight;
      weight = 0;
    }
  }
  const int64_t bad = cholesky(work_, n_, l.data());
  if (bad >= 0) {
    throw Error(ErrorCode::INVALID_DATA,
                "input " + std::to_string(bad) +
                    " depends linearly on those before it: lambda must be larger");
  }
  std::fill_n(inverse_.data(), n_ * n_, 0.0);
  for (int64_t i = 0; i < n_; ++i) inverse_.data()[i * n_ + i] = 1;
  solve_cholesky(work_, n_, l.data(), n_, inverse_.data());
  mirror_lower(work_, n_, inverse_.data());
}

// Brings the blocks of all groups up to date from P and Q, to which nothing is pending.
void Remover::measure_groups() {
  const int64_t g = group_, size = g * g, width = stored();
  work_.team.parallel_for(groups(), [&](int64_t slot, int) {
    if (!is_live(slot)) return;
    double* const squares = squares_.data() + slot * size;
    double* const block = block_.data() + slot * size;
    std::fill_n(squares, size, 0.0);
    for (int64_t row = 0; row < outputs_; ++row) {
      const double* const w = weight_.data() + row * width + slot * g;
      for (int64_t i = 0; i < g; ++i) {
        for (int64_t j = 0; j < g; ++j) squares[i * g + j] += w[i] * w[j];
      }
    }
    for (int64_t i = 0; i < g; ++i)
      std::copy_n(inverse_.data() + (slot * g + i) * width + slot * g, g, block + i * g);
  });
}

// tr(inv(inv(H)_MM) W_M^T W_M).
double Remover::score(int64_t slot) {
  const int64_t g = group_, size = g * g;
  double* const l = scratch_.data();
  double* const x = l + size;
  std::copy_n(block_.data() + slot * size, size, l);
  if (!small_cholesky(g, l)) return std::numeric_limits<double>::infinity();
  std::copy_n(squares_.data() + slot * size, size, x);
  return trace_of_quotient(g, l, x);
}

int64_t Remover::best() {
  int64_t found = -1;
  double lowest = 0;
  for (int64_t slot = 0; slot < groups(); ++slot) {
    if (!is_live(slot)) continue;
    const double own = score(slot);
    if (found >= 0 && !(own < lowest)) continue;
    found = slot;
    lowest = own;
  }
  return found;
}

// Writes inv(H)_M: to the next rows of U and W_M^T to those of V, what is pending included.
void Remover::read_pending(int64_t first) {
  const int64_t width = stored(), at = pending_;
  for (int64_t t = 0; t < group_; ++t) {
    double* const v = v_.data() + (at + t) * outputs_;
    for (int64_t row = 0; row < outputs_; ++row) v[row] = weight_.data()[row * width + first + t];
    for (int64_t s = 0; s < at; ++s) {
      kernels_.add_scaled(outputs_, -u_.data()[s * width + first + t], v_.data() + s * outputs_, v);
    }
  }
  for_slices(work_, width, kStrip, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < group_; ++t) {
      double* const u = u_.data() + (at + t) * width + begin;
      std::copy_n(inverse_.data() + (first + t) * width + begin, end - begin, u);
      for (int64_t s = 0; s < at; ++s) {
        kernels_.add_scaled(end - begin, -u_.data()[s * width + first + t],
                            u_.data() + s * width + begin, u);
      }
    }
  });
}

// Multiplies the new rows of U and V by inv(C), C C^T = inv(H)_MM. Returns ||V||^2, the score.
double Remover::factor(int64_t first) {
  const int64_t width = stored(), at = pending_, g = group_;
  double* const c = scratch_.data();
  for (int64_t i = 0; i < g; ++i) std::copy_n(u_.data() + (at + i) * width + first, g, c + i * g);
  if (!small_cholesky(g, c)) {
    throw Error(ErrorCode::INVALID_DATA,
                "the inputs depend linearly on each other: lambda must be larger");
  }
  double sum = 0;
  for (int64_t i = 0; i < g; ++i) {
    double* const u = u_.data() + (at + i) * width;
    double* const v = v_.data() + (at + i) * outputs_;
    for (int64_t p = 0; p < i; ++p) {
      kernels_.add_scaled(width, -c[i * g + p], u_.data() + (at + p) * width, u);
      kernels_.add_scaled(outputs_, -c[i * g + p], v_.data() + (at + p) * outputs_, v);
    }
    const double pivot = c[i * g + i];
    for (int64_t j = 0; j < width; ++j) u[j] /= pivot;
    for (int64_t j = 0; j < outputs_; ++j) v[j] /= pivot;
    sum += kernels_.dot(outputs_, v, v);
  }
  return sum;
}

// Makes E = V W and F = V W0 for the new rows; returns by how much ||W - W0||^2 grows when W loses
// V^T U: -2 tr(U (E - F)^T) + tr(V V^T U U^T).
double Remover::change_of_squares(int64_t at) {
  const int64_t width = stored(), g = group_;
  const double* const v = v_.data() + at * outputs_;
  const double* const u = u_.data() + at * width;
  std::vector<double> shares(static_cast<size_t>(at * g));
  for (int64_t s = 0; s < at; ++s) {
    for (int64_t t = 0; t < g; ++t)
      shares[static_cast<size_t>(s * g + t)] =
          kernels_.dot(outputs_, v_.data() + s * outputs_, v + t * outputs_);
  }
  for_slices(work_, width, kStrip, [&](int64_t begin, int64_t end) {
    const int64_t count = end - begin;
    for (int64_t t = 0; t < g; ++t) {
      double* const e = e_.data() + t * width + begin;
      double* const f = f_.data() + t * width + begin;
      std::fill_n(e, count, 0.0);
      std::fill_n(f, count, 0.0);
      for (int64_t row = 0; row < outputs_; ++row) {
        const double factor = v[t * outputs_ + row];
        kernels_.add_scaled(count, factor, weight_.data() + row * width + begin, e);
        kernels_.add_scaled(count, factor, original_.data() + row * width + begin, f);
      }
      for (int64_t s = 0; s < at; ++s)
        kernels_.add_scaled(count, -shares[static_cast<size_t>(s * g + t)],
                            u_.data() + s * width + begin, e);
    }
  });
  double change = 0;
  for (int64_t t = 0; t < g; ++t) {
    change -= 2 * (kernels_.dot(width, u + t * width, e_.data() + t * width) -
                   kernels_.dot(width, u + t * width, f_.data() + t * width));
    for (int64_t s = 0; s < g; ++s) {
      const double both = kernels_.dot(outputs_, v + t * outputs_, v + s * outputs_);
      cross_.data()[t * g + s] = both;
      change += both * kernels_.dot(width, u + t * width, u + s * width);
    }
  }
  return change;
}

// S -= E_q^T U_q + U_q^T E_q - U_q^T V V^T U_q and inv(H)_qq -= U_q^T U_q, for every group q.
void Remover::update_groups(int64_t at) {
  const int64_t width = stored(), g = group_;
  const int64_t grain = std::max<int64_t>(1, kStrip / g);
  for_slices(work_, groups(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      if (!is_live(slot)) continue;
      const double* const u = u_.data() + at * width + slot * g;
      const double* const e = e_.data() + slot * g;
      for (int64_t i = 0; i < g; ++i) {
        for (int64_t j = 0; j < g; ++j) {
          double squares = 0, block = 0;
          for (int64_t t = 0; t < g; ++t) {
            const double *const ut = u + t * width, *const et = e + t * width;
            block += ut[i] * ut[j];
            squares += et[i] * ut[j] + ut[i] * et[j];
            double crossed = 0;
            for (int64_t s = 0; s < g; ++s) crossed += cross_.data()[t * g + s] * u[s * width + j];
            squares -= ut[i] * crossed;
          }
          squares_.data()[(slot * g + i) * g + j] -= squares;
          block_.data()[(slot * g + i) * g + j] -= block;
        }
      }
    }
  });
}

void Remover::remove(int64_t slot, Removed& to) {
  const int64_t first = slot * group_, at = pending_;
  read_pending(first);
  const double score = factor(first);
  difference_ += change_of_squares(at);
  update_groups(at);
  live_[static_cast<size_t>(slot)] = false;
  pending_ += group_;
  total_ += score;
  to.order.push_back(static_cast<int32_t>(groups_[static_cast<size_t>(slot)]));
  to.scores.push_back(score);
  to.errors.push_back(std::max(0.0, total_ - damping_ * difference_));
  if (pending_ >= kPending) flush();
}

// P -= U^T U and Q -= V^T U. What is left of removed columns is rounding.
void Remover::flush() {
  const int64_t width = stored();
  const MatrixView u = view(u_.data(), width);
  product_f64(work_, {width, width, pending_, u.transposed(), u, inverse_.data(), width,
                      /*subtract=*/true});
  product_f64(work_, {outputs_, width, pending_, view(v_.data(), outputs_).transposed(), u,
                      weight_.data(), width, /*subtract=*/true});
  pending_ = 0;
  compact();
  measure_groups();
}

// Drops the columns of removed groups.
void Remover::compact() {
  const int64_t before = stored();
  std::vector<int64_t> kept;  // stored columns
  std::vector<int64_t> columns, groups;
  for (int64_t slot = 0; slot < this->groups(); ++slot) {
    if (!is_live(slot)) continue;
    groups.push_back(groups_[static_cast<size_t>(slot)]);
    for (int64_t i = 0; i < group_; ++i) kept.push_back(slot * group_ + i);
  }
  for (int64_t i = this->groups() * group_; i < before; ++i) kept.push_back(i);
  for (const int64_t column : kept) columns.push_back(columns_[static_cast<size_t>(column)]);
  const int64_t after = static_cast<int64_t>(kept.size());
  const auto squeeze = [&](double* matrix, int64_t row, int64_t to) {
    for (int64_t j = 0; j < after; ++j)
      matrix[to * after + j] = matrix[row * before + kept[static_cast<size_t>(j)]];
  };
  // Elements move towards the beginning, so that none is overwritten before it is read.
  for (int64_t i = 0; i < after; ++i) squeeze(inverse_.data(), kept[static_cast<size_t>(i)], i);
  for (int64_t i = 0; i < outputs_; ++i) {
    squeeze(weight_.data(), i, i);
    squeeze(original_.data(), i, i);
  }
  columns_ = std::move(columns);
  groups_ = std::move(groups);
  live_.assign(groups_.size(), true);
}

std::vector<float> Remover::weights() const {
  const int64_t width = stored();
  std::vector<float> out(static_cast<size_t>(outputs_ * n_), 0.0f);
  std::vector<bool> removed(static_cast<size_t>(width), false);
  for (int64_t slot = 0; slot < groups(); ++slot) {
    for (int64_t i = 0; i < group_ && !is_live(slot); ++i)
      removed[static_cast<size_t>(slot * group_ + i)] = true;
  }
  work_.team.parallel_for(outputs_, [&](int64_t row, int) {
    std::vector<double> own(weight_.data() + row * width, weight_.data() + (row + 1) * width);
    for (int64_t s = 0; s < pending_; ++s)
      kernels_.add_scaled(width, -v_.data()[s * outputs_ + row], u_.data() + s * width, own.data());
    for (int64_t j = 0; j < width; ++j) {
      if (removed[static_cast<size_t>(j)]) continue;
      out[static_cast<size_t>(row * n_ + columns_[static_cast<size_t>(j)])] =
          static_cast<float>(own[static_cast<size_t>(j)]);
    }
  });
  return out;
}

Removed Remover::run() {
  Removed result;
  invert();
  measure_groups();
  for (int64_t slot = 0; slot < groups(); ++slot) result.first_scores.push_back(score(slot));
  size_t next = 0;
  const auto keep = [&](int64_t count) {
    if (next == removal_.counts.size() || removal_.counts[next] != count) return;
    result.weights.push_back(weights());
    ++next;
  };
  keep(0);
  for (int64_t count = 1; count <= removal_.removals; ++count) {
    work_.check();
    remove(best(), result);
    keep(count);
  }
  return result;
}

}  // namespace

Removed remove_groups(const Work& work, const Gram& gram, const Removal& removal) {
  return Remover(work, gram, removal).run();
}

}  // namespace sinter
