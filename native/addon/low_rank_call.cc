// Unpacks the weight and its weighting, and packs the factors.
#include "addon/low_rank_call.h"

#include <algorithm>
#include <cmath>

#include "addon/args.h"
#include "addon/gram_wrap.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "compress/low_rank_factors.h"

namespace sinter {
namespace {

constexpr int64_t kMostColumns = int64_t{1} << 16;

struct Call {
  LowRank problem;
  std::vector<double> weight, scale;
  std::shared_ptr<Gram> gram;
  LowRankFactors factors;
};

void scale_arg(const Napi::Value& value, Call& call) {
  if (value.IsNull() || value.IsUndefined()) return;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    bad_argument("scale must be a Float64Array or null");
  call.scale = copy_of(value.As<Napi::Float64Array>());
  if (static_cast<int64_t>(call.scale.size()) != call.problem.inputs)
    bad_argument("scale must have " + std::to_string(call.problem.inputs) + " numbers");
  if (!std::all_of(call.scale.begin(), call.scale.end(),
                   [](double one) { return std::isfinite(one); }))
    bad_argument("scale must hold finite numbers");
  call.problem.scale = call.scale.data();
}

void gram_arg(Napi::Env env, const Napi::Value& value, Call& call) {
  if (value.IsNull() || value.IsUndefined()) return;
  call.gram = GramWrap::unwrap(env, value);
  if (call.gram->inputs() != call.problem.inputs)
    bad_argument("the sums are over " + std::to_string(call.gram->inputs()) + " inputs");
  if (call.problem.scale != nullptr) bad_argument("scale and gram exclude each other");
  call.problem.gram = call.gram.get();
}

template <typename Array, typename T>
Array array_from(Napi::Env env, const std::vector<T>& from) {
  Array array = Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

}  // namespace

Napi::Value low_rank_value(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto call = std::make_shared<Call>();
    LowRank& problem = call->problem;
    const Napi::Object options = object_arg(info, 1, "options");
    problem.outputs = integer_field(options, "outputs", 1, kMostColumns);
    problem.inputs = integer_field(options, "inputs", 1, kMostColumns);
    problem.rank = integer_field(options, "rank", 1, std::min(problem.outputs, problem.inputs));
    problem.lambda = number_field(options, "lambda");
    if (!(problem.lambda >= 0) || !std::isfinite(problem.lambda))
      bad_argument("lambda must be a finite number from 0");
    const std::vector<float> weight = floats_arg(info, 0, "weight");
    if (static_cast<int64_t>(weight.size()) != problem.outputs * problem.inputs)
      bad_argument("weight must have outputs x inputs numbers");
    call->weight.assign(weight.begin(), weight.end());
    problem.weight = call->weight.data();
    scale_arg(options.Get("scale"), *call);
    gram_arg(info.Env(), options.Get("gram"), *call);
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 2), {},
            [call](Engine& engine, const Cancel& cancel) {
              call->factors = low_rank_factors({engine.team(), cancel, &engine}, call->problem);
            },
            [call](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              Napi::Object result = Napi::Object::New(env);
              result.Set("a", array_from<Napi::Float32Array>(env, call->factors.a));
              result.Set("b", array_from<Napi::Float32Array>(env, call->factors.b));
              result.Set("singularValues",
                         array_from<Napi::Float64Array>(env, call->factors.singular_values));
              return result;
            });
  });
}

}  // namespace sinter
