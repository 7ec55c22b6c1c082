// Numbers of arrays are copied here, on the JavaScript thread; weights are read on the lanes.
#include "addon/histogram_wrap.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/gram_wrap.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "addon/store_wrap.h"
#include "weights/pack.h"

namespace sinter {
namespace {

// Factors of the columns; none for null.
std::vector<float> factors_arg(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() <= index || info[index].IsNull() || info[index].IsUndefined()) return {};
  return floats_arg(info, index, "factors");
}

struct Call {
  Histogram::Rows rows;
  std::vector<float> values, factors;
  std::shared_ptr<Weight> weight;
};

Napi::Float64Array doubles_of(Napi::Env env, const std::vector<int64_t>& counts) {
  Napi::Float64Array array = Napi::Float64Array::New(env, counts.size());
  std::transform(counts.begin(), counts.end(), array.Data(),
                 [](int64_t count) { return static_cast<double>(count); });
  return array;
}

Napi::Value submit_adding(const Napi::CallbackInfo& info, size_t index,
                          const std::shared_ptr<Histogram>& histogram,
                          const std::shared_ptr<Call>& call) {
  if (!call->factors.empty()) {
    if (static_cast<int64_t>(call->factors.size()) != call->rows.width)
      bad_argument("factors must be one for each of " + std::to_string(call->rows.width) +
                   " columns");
    call->rows.factors = call->factors.data();
  }
  return Environment::of(info.Env())
      .submit(
          info.Env(), job_id_arg(info, index), {},
          [histogram, call](Engine& engine, const Cancel& cancel) {
            histogram->add({engine.team(), cancel, &engine}, call->rows);
          },
          [](Napi::Env env, const Environment::Kept&) { return env.Undefined(); });
}

}  // namespace

Napi::Function HistogramWrap::define(Napi::Env env) {
  return DefineClass(env, "Histogram",
                     {InstanceMethod("add", &HistogramWrap::add),
                      InstanceMethod("addWeight", &HistogramWrap::add_weight),
                      InstanceMethod("counts", &HistogramWrap::counts),
                      InstanceMethod("dispose", &HistogramWrap::dispose)});
}

HistogramWrap::HistogramWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<HistogramWrap>(info), histogram_(std::make_shared<Histogram>()) {}

const std::shared_ptr<Histogram>& HistogramWrap::histogram() const {
  if (histogram_ == nullptr) throw Error(ErrorCode::DISPOSED, "the histogram was disposed");
  return histogram_;
}

Napi::Value HistogramWrap::add(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = histogram();
    const auto call = std::make_shared<Call>();
    call->values = floats_arg(info, 0, "values");
    call->factors = factors_arg(info, 1);
    const int64_t count = static_cast<int64_t>(call->values.size());
    call->rows.width = call->factors.empty() ? 1 : static_cast<int64_t>(call->factors.size());
    if (count % call->rows.width != 0) bad_argument("values must be whole rows");
    call->rows.rows = count / call->rows.width;
    const float* const from = call->values.data();
    const int64_t width = call->rows.width;
    call->rows.read = [from, width](int64_t begin, int64_t end, float* to) {
      std::copy(from + begin * width, from + end * width, to);
    };
    return submit_adding(info, 2, held, call);
  });
}

Napi::Value HistogramWrap::add_weight(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = histogram();
    const auto call = std::make_shared<Call>();
    const Napi::Value store = info.Length() > 0 ? info[0] : info.Env().Undefined();
    const auto weight = StoreWrap::unwrap(info.Env(), store).readable(string_arg(info, 1, "name"));
    call->weight = weight;
    call->factors = factors_arg(info, 2);
    call->rows.rows = weight->spec.rows();
    call->rows.width = weight->spec.width();
    call->rows.read = [weight](int64_t begin, int64_t end, float* to) {
      weight->home->read(weight->first_row() + begin, weight->first_row() + end, to);
    };
    return submit_adding(info, 3, held, call);
  });
}

Napi::Value HistogramWrap::counts(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = histogram();
    const auto copy = std::make_shared<Histogram>();
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 0), {},
            [held, copy](Engine&, const Cancel&) { *copy = *held; },
            [copy](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              Napi::Object result = Napi::Object::New(env);
              result.Set("width", copy->width());
              result.Set("negative", doubles_of(env, copy->negative()));
              result.Set("positive", doubles_of(env, copy->positive()));
              result.Set("zeros", static_cast<double>(copy->zeros()));
              result.Set("min", static_cast<double>(copy->least()));
              result.Set("max", static_cast<double>(copy->most()));
              return result;
            });
  });
}

void HistogramWrap::dispose(const Napi::CallbackInfo&) { histogram_ = nullptr; }

}  // namespace sinter
