// Maps the distance between two tokens to the learned row that stands for it, as PyTorch computes
// it in float32.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace sinter {

// The bucket of every distance. All attentions of the process with the same parameters share one
// list.
using DistanceRows = std::shared_ptr<const std::vector<int32_t>>;

// The buckets of T5 (Raffel et al. 2020) in both directions. Half of the buckets are for keys after
// the query. In each direction half of the buckets hold a single distance, the others grow in
// logarithmic steps up to `max_distance`.
class T5Buckets {
 public:
  // buckets is a multiple of 4, max_distance is above a quarter of it. Texts of more than `longest`
  // tokens are correct but slower.
  T5Buckets(int64_t buckets, int64_t max_distance, int64_t longest);
  // In [0, buckets).
  int64_t row(int64_t key_minus_query) const;

 private:
  int64_t compute(int64_t distance) const;
  int64_t half_, max_distance_;
  DistanceRows of_distance_;
};

// The rows of DeBERTa (He et al. 2021): the distance itself, or its logarithmic bucket, plus
// `span`, clamped to [0, 2 span). span is `buckets`, or `max_distance` where buckets is 0.
class DisentangledRows {
 public:
  // buckets is 0, or at least 4 with max_distance above buckets / 2 + 1.
  DisentangledRows(int64_t buckets, int64_t max_distance, int64_t longest);
  // In [0, 2 span).
  int64_t row(int64_t query_minus_key) const;
  int64_t span() const { return span_; }

 private:
  int64_t compute(int64_t distance) const;
  int64_t buckets_, max_distance_, span_;
  DistanceRows of_distance_;
};

}  // namespace sinter
