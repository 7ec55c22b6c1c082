// Makes the tables, and lists those that are shared. The list keeps no table alive.
#include "ops/rotary_table.h"

#include <map>
#include <utility>

#include "ops/portable_math.h"

namespace sinter {
namespace {

constexpr int64_t kFewest = 512;

std::shared_ptr<const RotaryTable> make_table(double theta, int64_t dimensions, int64_t positions) {
  auto table = std::make_shared<RotaryTable>();
  const int64_t half = dimensions / 2;
  table->positions = positions;
  table->half = half;
  table->cos = AlignedBuffer<float>(positions * half);
  table->sin = AlignedBuffer<float>(positions * half);
  const double log_theta = portable_log(theta);
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dimensions);
    // Beyond 600 theta^exponent is no float, and the frequency is 0.
    const double power = static_cast<double>(exponent) * log_theta;
    const float period = power < 600 ? static_cast<float>(portable_exp(power)) : 0.0f;
    const float frequency = period > 0.0f ? 1.0f / period : 0.0f;
    for (int64_t p = 0; p < positions; ++p) {
      const float angle = frequency * static_cast<float>(p);
      double cos, sin;
      portable_cos_sin(static_cast<double>(angle), &cos, &sin);
      table->cos.data()[p * half + i] = static_cast<float>(cos);
      table->sin.data()[p * half + i] = static_cast<float>(sin);
    }
  }
  return table;
}

}  // namespace

std::shared_ptr<const RotaryTable> RotaryTables::up_to(int64_t positions) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (table_ == nullptr || table_->positions < positions) {
    int64_t size = kFewest;
    while (size < positions) size *= 2;
    table_ = make_table(theta_, dimensions_, size);
  }
  return table_;
}

std::shared_ptr<RotaryTables> rotary_tables(double theta, int64_t dimensions) {
  static std::mutex mutex;
  static std::map<std::pair<double, int64_t>, std::weak_ptr<RotaryTables>> known;
  const std::lock_guard<std::mutex> lock(mutex);
  for (auto it = known.begin(); it != known.end();) {
    it = it->second.expired() ? known.erase(it) : std::next(it);
  }
  std::weak_ptr<RotaryTables>& entry = known[{theta, dimensions}];
  std::shared_ptr<RotaryTables> tables = entry.lock();
  if (tables == nullptr) {
    tables = std::make_shared<RotaryTables>(theta, dimensions);
    entry = tables;
  }
  return tables;
}

}  // namespace sinter
