// Which learned row stands for the distance between two tokens, as PyTorch computes it in float32.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace sinter {

// By distance; shared by all attentions of the process that ask for the same.
using DistanceRows = std::shared_ptr<const std::vector<int32_t>>;

// T5 (Raffel et al. 2020), both directions: half of the buckets for keys behind the query, half of
// each for single distances, the rest in logarithmic steps up to `max_distance`.
class T5Buckets {
 public:
  // buckets is a multiple of 4, max_distance above a quarter of it. Texts of more than `longest`
  // tokens work, but slower.
  T5Buckets(int64_t buckets, int64_t max_distance, int64_t longest);
  // In [0, buckets).
  int64_t row(int64_t key_minus_query) const;

 private:
  int64_t compute(int64_t distance) const;
  int64_t half_, max_distance_;
  DistanceRows of_distance_;
};

// DeBERTa (He et al. 2021): the distance itself, or logarithmic buckets of it, plus `span`, clamped
// to [0, 2 span). span is `buckets`, or `max_distance` where buckets is 0.
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
