// Arguments are copied here, on the JavaScript thread; the work runs on the job thread.
#include "addon/gram_wrap.h"

#include <algorithm>
#include <cmath>

#include "addon/args.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "compress/removal.h"
#include "compress/ridge.h"

namespace sinter {
namespace {

// The largest number of inputs or outputs: sums of that size take 32 GB.
constexpr int64_t kMostColumns = int64_t{1} << 16;

napi_type_tag gram_tag(Napi::Env env) { return Environment::tag(env, 0x53696E7465724772ull); }

bool is_null(const Napi::CallbackInfo& info, size_t index) {
  return info.Length() <= index || info[index].IsNull() || info[index].IsUndefined();
}

template <typename Array, typename T>
Array array_of(Napi::Env env, const std::vector<T>& from) {
  Array array = Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

void check_length(size_t length, int64_t wanted, const char* what) {
  if (static_cast<int64_t>(length) != wanted) {
    bad_argument(std::string(what) + " must have " + std::to_string(wanted) + " numbers, got " +
                 std::to_string(length));
  }
}

double share_field(const Napi::Object& object, const char* key) {
  const double value = number_field(object, key);
  if (!(value >= 0) || !std::isfinite(value))
    bad_argument(std::string(key) + " must be a finite number from 0");
  return value;
}

// Numbers of a list that must rise strictly within [low, high].
std::vector<int64_t> rising_field(const Napi::Object& object, const char* key, int64_t low,
                                  int64_t high) {
  std::vector<int64_t> out;
  for (const int32_t value : copy_of(ints_field(object, key))) {
    if (value < low || value > high || (!out.empty() && value <= out.back()))
      bad_argument(std::string(key) + " must rise from " + std::to_string(low) + " to at most " +
                   std::to_string(high));
    out.push_back(value);
  }
  return out;
}

Work work_of(Engine& engine, const Cancel& cancel) { return {engine.team(), cancel, &engine}; }

// Rows to add: x gets the 1 of the intercept, and y loses `minus`. With `normalize` a row of both
// is then divided by the root mean square of its y as it was given.
struct Rows {
  int64_t rows = 0;
  AlignedBuffer<float> x, y;
};

void normalize_rows(Rows& rows, const float* y, int64_t width, int64_t outputs) {
  for (int64_t i = 0; i < rows.rows; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < outputs; ++j) {
      const double value = y[i * outputs + j];
      sum += value * value;
    }
    if (sum == 0) continue;
    const float factor = static_cast<float>(std::sqrt(static_cast<double>(outputs) / sum));
    for (int64_t j = 0; j < width; ++j) rows.x.data()[i * width + j] *= factor;
    for (int64_t j = 0; j < outputs; ++j) rows.y.data()[i * outputs + j] *= factor;
  }
}

Rows rows_arg(const Napi::CallbackInfo& info, const Gram& gram, bool normalize) {
  const std::vector<float> x = floats_arg(info, 0, "x");
  const int64_t inputs = gram.inputs(), outputs = gram.outputs(), width = gram.width();
  Rows rows;
  rows.rows = static_cast<int64_t>(x.size()) / inputs;
  check_length(x.size(), rows.rows * inputs, "x");
  rows.x = AlignedBuffer<float>(rows.rows * width);
  for (int64_t i = 0; i < rows.rows; ++i) {
    std::copy_n(x.data() + i * inputs, inputs, rows.x.data() + i * width);
    if (gram.intercept()) rows.x.data()[i * width + inputs] = 1.0f;
  }
  if (is_null(info, 1) != (outputs == 0))
    bad_argument(outputs == 0 ? "y must be null: the sums have no outputs" : "y is missing");
  if (outputs == 0) return rows;
  const std::vector<float> y = floats_arg(info, 1, "y");
  check_length(y.size(), rows.rows * outputs, "y");
  rows.y = AlignedBuffer<float>(rows.rows * outputs);
  std::copy(y.begin(), y.end(), rows.y.data());
  if (!is_null(info, 2)) {
    const std::vector<float> minus = floats_arg(info, 2, "minus");
    check_length(minus.size(), rows.rows * outputs, "minus");
    for (size_t i = 0; i < minus.size(); ++i) rows.y.data()[i] -= minus[i];
  }
  if (normalize) normalize_rows(rows, y.data(), width, outputs);
  return rows;
}

}  // namespace

std::vector<float> floats_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsTypedArray() ||
      info[index].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    bad_argument(std::string(what) + " must be a Float32Array");
  return copy_of(info[index].As<Napi::Float32Array>());
}

Napi::Function GramWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Gram",
      {InstanceMethod("add", &GramWrap::add), InstanceMethod("merge", &GramWrap::merge),
       InstanceMethod("sums", &GramWrap::sums), InstanceMethod("error", &GramWrap::error),
       InstanceMethod("solve", &GramWrap::solve), InstanceMethod("remove", &GramWrap::remove),
       InstanceMethod("dispose", &GramWrap::dispose)});
}

GramWrap::GramWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GramWrap>(info) {
  guarded(info, [&] {
    const Napi::Object shape = object_arg(info, 0, "shape");
    const int64_t inputs = integer_field(shape, "inputs", 1, kMostColumns);
    const int64_t outputs = integer_field(shape, "outputs", 0, kMostColumns);
    gram_ = std::make_shared<Gram>(inputs, outputs, bool_field(shape, "intercept"));
    if (shape.Has("normalizeRows")) normalize_ = bool_field(shape, "normalizeRows");
    if (normalize_ && outputs == 0) bad_argument("rows without outputs have no size");
    const napi_type_tag tag = gram_tag(info.Env());
    info.This().As<Napi::Object>().TypeTag(&tag);
  });
}

std::shared_ptr<Gram> GramWrap::unwrap(const Napi::Env& env, const Napi::Value& value) {
  const napi_type_tag tag = gram_tag(env);
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) bad_argument("not a Gram");
  return Unwrap(value.As<Napi::Object>())->gram();
}

const std::shared_ptr<Gram>& GramWrap::gram() const {
  if (gram_ == nullptr) throw Error(ErrorCode::DISPOSED, "the sums were disposed");
  return gram_;
}

Napi::Value GramWrap::add(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = gram();
    const auto rows = std::make_shared<Rows>(rows_arg(info, *held, normalize_));
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 3), {},
            [held, rows](Engine& engine, const Cancel& cancel) {
              held->add(work_of(engine, cancel), rows->rows, rows->x.data(), rows->y.data());
            },
            [](Napi::Env env, const Environment::Kept&) { return env.Undefined(); });
  });
}

Napi::Value GramWrap::merge(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = gram();
    const auto other = unwrap(info.Env(), info.Length() > 0 ? info[0] : info.Env().Undefined());
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 1), {},
            [held, other](Engine&, const Cancel&) { held->merge(*other); },
            [](Napi::Env env, const Environment::Kept&) { return env.Undefined(); });
  });
}

Napi::Value GramWrap::sums(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    struct Copies {
      std::vector<double> products, targets;
      double squares = 0, rows = 0;
    };
    const auto held = gram();
    const auto to = std::make_shared<Copies>();
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 0), {},
            [held, to](Engine&, const Cancel&) {
              const int64_t width = held->width();
              to->products.assign(held->products(), held->products() + width * width);
              if (held->outputs() > 0)
                to->targets.assign(held->targets(), held->targets() + width * held->outputs());
              to->squares = held->target_squares();
              to->rows = static_cast<double>(held->rows());
            },
            [to](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              Napi::Object result = Napi::Object::New(env);
              result.Set("products", array_of<Napi::Float64Array>(env, to->products));
              result.Set("targets", array_of<Napi::Float64Array>(env, to->targets));
              result.Set("targetSquares", to->squares);
              result.Set("rows", to->rows);
              return result;
            });
  });
}

Napi::Value GramWrap::error(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto held = gram();
    const std::vector<float> given = floats_arg(info, 0, "weight");
    check_length(given.size(), held->outputs() * held->width(), "weight");
    const auto weight = std::make_shared<std::vector<double>>(given.begin(), given.end());
    const auto found = std::make_shared<double>(0);
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 1), {},
            [held, weight, found](Engine& engine, const Cancel& cancel) {
              *found = held->error(work_of(engine, cancel), weight->data());
            },
            [found](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              return Napi::Number::New(env, *found);
            });
  });
}

Napi::Value GramWrap::solve(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    struct Call {
      Ridge ridge;
      std::vector<double> prior;
      std::vector<float> weight;
    };
    const auto held = gram();
    const auto call = std::make_shared<Call>();
    const Napi::Object options = object_arg(info, 0, "options");
    call->ridge.lambda = share_field(options, "lambda");
    if (options.Has("ownScale")) call->ridge.own_scale = bool_field(options, "ownScale");
    call->ridge.kept = rising_field(options, "columns", 0, held->inputs() - 1);
    if (held->outputs() == 0) bad_argument("the sums have no outputs");
    if (!options.Get("prior").IsNull()) {
      const std::vector<float> prior = copy_of(floats_field(options, "prior"));
      check_length(prior.size(), held->outputs() * held->width(), "prior");
      call->prior.assign(prior.begin(), prior.end());
      call->ridge.prior = call->prior.data();
    }
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 1), {},
            [held, call](Engine& engine, const Cancel& cancel) {
              const auto found = solve_ridge(work_of(engine, cancel), *held, call->ridge);
              call->weight.assign(found.begin(), found.end());
            },
            [call](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              return array_of<Napi::Float32Array>(env, call->weight);
            });
  });
}

Napi::Value GramWrap::remove(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    struct Call {
      Removal removal;
      std::vector<double> weight;
      Removed removed;
    };
    const auto held = gram();
    const auto call = std::make_shared<Call>();
    const std::vector<float> weight = floats_arg(info, 0, "weight");
    Removal& removal = call->removal;
    removal.outputs = static_cast<int64_t>(weight.size()) / held->width();
    check_length(weight.size(), removal.outputs * held->width(), "weight");
    if (removal.outputs == 0) bad_argument("weight must have a row");
    call->weight.assign(weight.begin(), weight.end());
    removal.weight = call->weight.data();
    const Napi::Object options = object_arg(info, 1, "options");
    removal.group = integer_field(options, "groupColumns", 1, held->inputs());
    if (held->inputs() % removal.group != 0) bad_argument("groupColumns must divide the inputs");
    const int64_t groups = held->inputs() / removal.group;
    removal.removals = integer_field(options, "removals", 0, groups);
    removal.lambda = share_field(options, "lambda");
    removal.counts = rising_field(options, "counts", 0, removal.removals);
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id_arg(info, 2), {},
            [held, call](Engine& engine, const Cancel& cancel) {
              call->removed = remove_groups(work_of(engine, cancel), *held, call->removal);
            },
            [call](Napi::Env env, const Environment::Kept&) -> Napi::Value {
              const Removed& removed = call->removed;
              Napi::Object result = Napi::Object::New(env);
              result.Set("order", array_of<Napi::Int32Array>(env, removed.order));
              result.Set("scores", array_of<Napi::Float64Array>(env, removed.scores));
              result.Set("errors", array_of<Napi::Float64Array>(env, removed.errors));
              result.Set("firstScores", array_of<Napi::Float64Array>(env, removed.first_scores));
              Napi::Array weights = Napi::Array::New(env, removed.weights.size());
              for (size_t i = 0; i < removed.weights.size(); ++i)
                weights.Set(static_cast<uint32_t>(i),
                            array_of<Napi::Float32Array>(env, removed.weights[i]));
              result.Set("weights", weights);
              return result;
            });
  });
}

void GramWrap::dispose(const Napi::CallbackInfo&) { gram_ = nullptr; }

}  // namespace sinter
