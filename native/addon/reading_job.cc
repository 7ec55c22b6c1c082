// Rows are read into memory of the job, and copied into JavaScript's memory at its end. Rows of a
// trained weight wait for training steps submitted before; other rows are urgent and pass bulk
// work.
#include "addon/reading_job.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "addon/environment.h"
#include "addon/packing_job.h"
#include "weights/pack.h"

namespace sinter {
namespace {

// Elements per piece that a lane reads.
constexpr int64_t kPiece = int64_t{1} << 16;

struct ReadJob {
  explicit ReadJob(const RowsToRead& of)
      : rows(of), home(of.weight->home), width(of.weight->spec.width()) {
    const auto spec = rows.as->parts();
    for (size_t i = 0; i < spec.size(); ++i)
      parts[i] = AlignedBuffer<uint8_t>((rows.end - rows.begin) * spec[i].row_bytes(width));
  }

  RowsToRead rows;
  std::shared_ptr<Pack> home;
  int64_t width;
  std::array<AlignedBuffer<uint8_t>, kMaxParts> parts;

  PartRows at(int64_t row) {
    PartRows found = {};
    const auto spec = rows.as->parts();
    for (size_t i = 0; i < spec.size(); ++i)
      found[i] = parts[i].data() + row * spec[i].row_bytes(width);
    return found;
  }

  void run(Team& team, const Cancel& cancel) {
    cancel.check();
    const int64_t count = rows.end - rows.begin, step = std::max<int64_t>(1, kPiece / width);
    team.parallel_for((count + step - 1) / step, [&](int64_t piece, int) {
      const int64_t begin = piece * step, end = std::min(count, begin + step);
      const int64_t first = rows.weight->first_row() + rows.begin;
      if (home->storage == rows.as) {
        home->read_parts(first + begin, first + end, at(begin));
        return;
      }
      std::vector<float> floats(static_cast<size_t>((end - begin) * width));
      home->read(first + begin, first + end, floats.data());
      rows.as->narrow(end - begin, width, floats.data(), at(begin));
      check_finite(begin, end, floats);
    });
  }

  void check_finite(int64_t begin, int64_t end, const std::vector<float>& from) {
    const auto spec = rows.as->parts();
    for (size_t i = 0; i < spec.size(); ++i) {
      if (spec[i].type->first_infinite == nullptr) continue;
      const int64_t each = spec[i].row_elements(width), count = (end - begin) * each;
      const int64_t bad = spec[i].type->first_infinite(count, at(begin)[i]);
      if (bad == count) continue;
      const auto row = from.begin() + bad / each * width;
      const float largest = *std::max_element(
          row, row + width, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
      throw Error(ErrorCode::INVALID_DATA, "weight " + rows.weight->spec.name + " has " +
                                               std::to_string(largest) + ", too large for " +
                                               rows.as->name());
    }
  }

  Napi::Value settle(Napi::Env env) const {
    const size_t count = rows.as->parts().size();
    Napi::Array list = Napi::Array::New(env, count);
    for (size_t i = 0; i < count; ++i) {
      Napi::Uint8Array part = Napi::Uint8Array::New(env, static_cast<size_t>(parts[i].size()));
      if (!parts[i].empty())
        std::memcpy(part.Data(), parts[i].data(), static_cast<size_t>(parts[i].size()));
      list.Set(static_cast<uint32_t>(i), part);
    }
    return list;
  }
};

}  // namespace

Napi::Value submit_reading(const Napi::CallbackInfo& info, size_t index, const RowsToRead& rows) {
  const int64_t job_id = job_id_arg(info, index);
  const auto job = std::make_shared<ReadJob>(rows);
  Environment& environment = Environment::of(info.Env());
  const auto settle = [job](Napi::Env env, const Environment::Kept&) { return job->settle(env); };
  if (job->home->trained) {
    return environment.submit(
        info.Env(), job_id, {},
        [job](Engine& engine, const Cancel& cancel) { job->run(engine.team(), cancel); }, settle);
  }
  Environment::UrgentWork work;
  work.whole = [job](Engine& engine, const Cancel& cancel) { job->run(engine.team(), cancel); };
  work.piece = [job](Engine&, int64_t, int, const Cancel& cancel) {
    Team alone(1);
    job->run(alone, cancel);
  };
  return environment.submit_urgent(info.Env(), job_id, {}, std::move(work), settle);
}

}  // namespace sinter
