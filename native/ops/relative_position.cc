// The formulas of the T5 and DeBERTa papers, in the float32 steps of their implementations: a
// logarithm is rounded to float before it is divided, so that a distance at the edge of two buckets
// falls into the same bucket as there.
#include "ops/relative_position.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "ops/portable_math.h"

namespace sinter {
namespace {

float log_float(float x) { return static_cast<float>(portable_log(static_cast<double>(x))); }

int64_t ceiling(float x) {
  const int64_t whole = static_cast<int64_t>(x);
  return static_cast<float>(whole) < x ? whole + 1 : whole;
}

// The bucket of every distance for one rule (key[0]: 0 for T5, 1 for DeBERTa). It is shared,
// because all layers of a model use the same list, and a logarithm for each of a million distances
// would slow the making of a program.
template <typename Compute>
DistanceRows shared_rows(std::array<int64_t, 4> key, const Compute& compute) {
  static std::mutex mutex;
  static std::map<std::array<int64_t, 4>, std::weak_ptr<const std::vector<int32_t>>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  for (auto it = known.begin(); it != known.end();) {
    it = it->second.expired() ? known.erase(it) : std::next(it);
  }
  auto& entry = known[key];
  DistanceRows rows = entry.lock();
  if (rows != nullptr) return rows;
  auto made = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(key[3]));
  for (int64_t d = 0; d < key[3]; ++d)
    (*made)[static_cast<size_t>(d)] = static_cast<int32_t>(compute(d));
  entry = made;
  return made;
}

}  // namespace

T5Buckets::T5Buckets(int64_t buckets, int64_t max_distance, int64_t longest)
    : half_(buckets / 2), max_distance_(max_distance) {
  const int64_t count = std::min(max_distance + 1, longest);
  of_distance_ = shared_rows({0, buckets, max_distance, count},
                             [&](int64_t distance) { return compute(distance); });
}

int64_t T5Buckets::compute(int64_t distance) const {
  const int64_t exact = half_ / 2;
  if (distance < exact) return distance;
  const double steps =
      portable_log(static_cast<double>(max_distance_) / static_cast<double>(exact));
  const float ratio = log_float(static_cast<float>(distance) / static_cast<float>(exact));
  const float step = ratio / static_cast<float>(steps) * static_cast<float>(half_ - exact);
  return std::min(exact + static_cast<int64_t>(step), half_ - 1);
}

int64_t T5Buckets::row(int64_t key_minus_query) const {
  const int64_t distance = key_minus_query < 0 ? -key_minus_query : key_minus_query;
  const bool known = distance < static_cast<int64_t>(of_distance_->size());
  const int64_t bucket = known ? (*of_distance_)[static_cast<size_t>(distance)] : compute(distance);
  return key_minus_query > 0 ? half_ + bucket : bucket;
}

DisentangledRows::DisentangledRows(int64_t buckets, int64_t max_distance, int64_t longest)
    : buckets_(buckets), max_distance_(max_distance), span_(buckets > 0 ? buckets : max_distance) {
  if (buckets == 0) return;
  const int64_t count = std::min(max_distance + 1, longest);
  of_distance_ = shared_rows({1, buckets, max_distance, count},
                             [&](int64_t distance) { return compute(distance); });
}

int64_t DisentangledRows::compute(int64_t distance) const {
  const int64_t middle = buckets_ / 2;
  if (distance <= middle) return distance;
  const double widest = static_cast<double>(max_distance_ - 1) / static_cast<double>(middle);
  const float ratio = log_float(static_cast<float>(distance) / static_cast<float>(middle)) /
                      log_float(static_cast<float>(widest));
  return ceiling(ratio * static_cast<float>(middle - 1)) + middle;
}

int64_t DisentangledRows::row(int64_t query_minus_key) const {
  int64_t distance = query_minus_key < 0 ? -query_minus_key : query_minus_key;
  if (buckets_ > 0) {
    const bool known = distance < static_cast<int64_t>(of_distance_->size());
    distance = known ? (*of_distance_)[static_cast<size_t>(distance)] : compute(distance);
  }
  const int64_t row = (query_minus_key < 0 ? -distance : distance) + span_;
  return std::clamp<int64_t>(row, 0, 2 * span_ - 1);
}

}  // namespace sinter
