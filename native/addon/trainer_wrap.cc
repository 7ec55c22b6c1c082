// The methods of a training step: arguments are unpacked here, the work runs on the job thread.
#include "addon/trainer_wrap.h"

#include <cmath>

#include "addon/args.h"
#include "addon/guard.h"
#include "addon/program_wrap.h"
#include "addon/terms_arg.h"

namespace sinter {
namespace {

constexpr int64_t kMaxJobId = int64_t{1} << 52;

// Each optimizer reads its own fields; make_optimizer refuses an unknown kind.
OptimizerSettings optimizer_arg(const Napi::Object& object) {
  OptimizerSettings settings;
  settings.name = string_field(object, "kind");
  const auto read = [&](const char* key, double& to) {
    if (!object.Get(key).IsUndefined()) to = number_field(object, key);
  };
  read("beta1", settings.beta1);
  read("beta2", settings.beta2);
  read("epsilon", settings.epsilon);
  read("momentum", settings.momentum);
  if (!object.Get("nesterov").IsUndefined()) settings.nesterov = bool_field(object, "nesterov");
  return settings;
}

std::vector<ParameterGroup> groups_arg(const Napi::Array& list) {
  std::vector<ParameterGroup> groups;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value value = list.Get(i);
    if (!value.IsObject()) bad_argument("a parameter group must be an object");
    const Napi::Object object = value.As<Napi::Object>();
    ParameterGroup group;
    group.weights = strings_field(object, "weights");
    group.settings.learning_rate_factor = number_field(object, "learningRateFactor");
    group.settings.weight_decay = number_field(object, "weightDecay");
    if (!object.Get("trustRatio").IsUndefined())
      group.settings.trust_ratio = bool_field(object, "trustRatio");
    groups.push_back(std::move(group));
  }
  return groups;
}

CopySettings copies_arg(const Napi::Object& settings) {
  CopySettings copies;
  if (!settings.Get("averageDecay").IsUndefined())
    copies.average_decay = number_field(settings, "averageDecay");
  if (!settings.Get("keeps").IsUndefined()) copies.kept = bool_field(settings, "keeps");
  return copies;
}

PassSettings pass_arg(const Napi::Object& object) {
  PassSettings settings;
  const Napi::Value seed = object.Get("dropoutSeed");
  settings.dropout = seed.IsNumber();
  if (!settings.dropout && !seed.IsNull()) bad_argument("dropoutSeed must be a number or null");
  if (settings.dropout)
    settings.dropout_key = static_cast<uint64_t>(seed.As<Napi::Number>().Int64Value());
  if (!object.Get("sliceTokens").IsUndefined())
    settings.slice_tokens = integer_field(object, "sliceTokens", 1, int64_t{1} << 30);
  return settings;
}

double number_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsNumber())
    bad_argument(std::string(what) + " must be a number");
  return info[index].As<Napi::Number>().DoubleValue();
}

int64_t whole_arg(const Napi::CallbackInfo& info, size_t index, const char* what, int64_t low) {
  const double value = number_arg(info, index, what);
  if (!(value >= static_cast<double>(low) && value <= 0x1p52) || value != std::floor(value))
    bad_argument(std::string(what) + " must be a whole number from " + std::to_string(low));
  return static_cast<int64_t>(value);
}

// A pass with all of its inputs, copied from JavaScript's arrays.
struct PassJob {
  std::shared_ptr<Trainer> trainer;
  TokenBatch batch;
  std::vector<LossTerm> terms;
  PassSettings settings;
  PassResult result;
};

Napi::Value nothing(Napi::Env env, const Environment::Kept&) { return env.Undefined(); }

}  // namespace

Napi::Function TrainerWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Trainer",
      {InstanceMethod("accumulate", &TrainerWrap::accumulate),
       InstanceMethod("clip", &TrainerWrap::clip), InstanceMethod("clamp", &TrainerWrap::clamp),
       InstanceMethod("apply", &TrainerWrap::apply), InstanceMethod("clear", &TrainerWrap::clear),
       InstanceMethod("readGradient", &TrainerWrap::read_gradient),
       InstanceMethod("state", &TrainerWrap::state),
       InstanceMethod("readState", &TrainerWrap::read_state),
       InstanceMethod("writeState", &TrainerWrap::write_state),
       InstanceMethod("restore", &TrainerWrap::restore), InstanceMethod("keep", &TrainerWrap::keep),
       InstanceMethod("exchange", &TrainerWrap::exchange),
       InstanceMethod("dispose", &TrainerWrap::dispose)});
}

TrainerWrap::TrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerWrap>(info) {
  guarded(info, [&] {
    // The settings are read first, because reading them runs JavaScript, which may dispose the
    // program.
    const Napi::Object settings = object_arg(info, 1, "settings");
    const OptimizerSettings optimizer = optimizer_arg(object_field(settings, "optimizer"));
    const std::vector<ParameterGroup> groups = groups_arg(array_field(settings, "groups"));
    const CopySettings copies = copies_arg(settings);
    std::shared_ptr<Program> program =
        ProgramWrap::unwrap(info.Env(), object_arg(info, 0, "program")).sealed_program();
    trainer_ = std::make_shared<Trainer>(std::move(program), optimizer, groups, copies);
  });
}

const std::shared_ptr<Trainer>& TrainerWrap::trainer() const {
  if (trainer_ == nullptr) throw Error(ErrorCode::DISPOSED, "the trainer was disposed");
  return trainer_;
}

const std::shared_ptr<Trainer>& TrainerWrap::idle_trainer(const char* call) const {
  if (trainer()->program()->weights().store()->being_written())
    bad_argument(std::string(call) + " while a training step runs");
  return trainer_;
}

Napi::Value TrainerWrap::submit(Napi::Env env, int64_t job_id, Environment::Work work,
                                Environment::Settle settle) const {
  const auto writing = std::make_shared<WriteScope>(trainer()->program()->weights().store());
  return Environment::of(env).submit(
      env, job_id, {}, std::move(work),
      [writing, settle = std::move(settle)](Napi::Env here, const Environment::Kept& kept) {
        return settle(here, kept);
      });
}

Napi::Value TrainerWrap::accumulate(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto job = std::make_shared<PassJob>();
    const int64_t number = ++passes_;  // counts refused passes too: they leave gradients incomplete
    job->trainer = trainer();
    const Program& program = *job->trainer->program();
    job->batch = batch_arg(object_arg(info, 0, "batch"), program);
    if (job->batch.unpooled != 0) bad_argument("unpooled must be 0 in a step");
    if (info.Length() < 2 || !info[1].IsArray()) bad_argument("terms must be an array");
    job->terms = terms_arg(info[1].As<Napi::Array>(), program, job->batch);
    const Napi::Object options = object_arg(info, 2, "options");
    job->settings = pass_arg(options);
    job->settings.number = number;
    const int64_t job_id = integer_field(options, "jobId", 1, kMaxJobId);
    return submit(
        info.Env(), job_id,
        [job](Engine& engine, const Cancel& cancel) {
          job->result = job->trainer->accumulate(engine, job->batch.view(), job->terms,
                                                 job->settings, cancel);
        },
        [job](Napi::Env env, const Environment::Kept&) -> Napi::Value {
          const Napi::Object object = Napi::Object::New(env);
          object.Set("loss", Napi::Number::New(env, job->result.loss));
          Napi::Array losses = Napi::Array::New(env);
          for (const double loss : job->result.losses) losses.Set(losses.Length(), loss);
          object.Set("losses", losses);
          return object;
        });
  });
}

Napi::Value TrainerWrap::clip(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const double max_norm = number_arg(info, 0, "maxNorm");
    const int64_t job_id = whole_arg(info, 1, "jobId", 1);
    const auto norm = std::make_shared<double>(0);
    return submit(
        info.Env(), job_id,
        [held = trainer(), pass = passes_, max_norm, norm](Engine& engine, const Cancel&) {
          *norm = held->clip(engine, pass, max_norm);
        },
        [norm](Napi::Env env, const Environment::Kept&) -> Napi::Value {
          return Napi::Number::New(env, *norm);
        });
  });
}

Napi::Value TrainerWrap::clamp(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const double limit = number_arg(info, 0, "maxValue");
    const int64_t job_id = whole_arg(info, 1, "jobId", 1);
    return submit(
        info.Env(), job_id,
        [held = trainer(), pass = passes_, limit](Engine& engine, const Cancel&) {
          held->clamp(engine, pass, limit);
        },
        nothing);
  });
}

Napi::Value TrainerWrap::apply(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const double learning_rate = number_arg(info, 0, "learningRate");
    const int64_t job_id = whole_arg(info, 1, "jobId", 1);
    return submit(
        info.Env(), job_id,
        [held = trainer(), pass = passes_, learning_rate](Engine& engine, const Cancel& cancel) {
          held->apply(engine, pass, learning_rate, cancel);
        },
        nothing);
  });
}

Napi::Value TrainerWrap::clear(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const int64_t job_id = whole_arg(info, 0, "jobId", 1);
    return submit(
        info.Env(), job_id, [held = trainer()](Engine&, const Cancel&) { held->clear(); }, nothing);
  });
}

Napi::Value TrainerWrap::read_gradient(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const std::shared_ptr<Trainer>& held = idle_trainer("readGradient");
    const int64_t elements = held->program()->weights().elements(name);
    Napi::Float32Array values = Napi::Float32Array::New(info.Env(), static_cast<size_t>(elements));
    held->read_gradient(name, values.Data());
    return values;
  });
}

Napi::Value TrainerWrap::state(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    OptimizerState& state = idle_trainer("state")->state();
    Napi::Array buffers = Napi::Array::New(env);
    for (const StateBuffer& buffer : state.state()) {
      const Napi::Object object = Napi::Object::New(env);
      object.Set("name", buffer.name);
      object.Set("dtype", buffer.bytes ? "u8" : "f32");
      object.Set("elements", static_cast<double>(buffer.elements));
      buffers.Set(buffers.Length(), object);
    }
    const Napi::Object result = Napi::Object::New(env);
    result.Set("steps", static_cast<double>(state.steps()));
    result.Set("buffers", buffers);
    return result;
  });
}

Napi::Value TrainerWrap::read_state(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const int64_t begin = whole_arg(info, 1, "begin", 0), end = whole_arg(info, 2, "end", begin);
    OptimizerState& state = idle_trainer("readState")->state();
    state.check_range(name, begin, end - begin);  // before memory of that size is allocated
    Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(end - begin));
    state.read(name, begin, end - begin, bytes.Data());
    return bytes;
  });
}

Napi::Value TrainerWrap::write_state(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const int64_t begin = whole_arg(info, 1, "begin", 0), job_id = whole_arg(info, 3, "jobId", 1);
    if (!info[2].IsTypedArray() ||
        info[2].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      bad_argument("bytes must be a Uint8Array");
    const auto bytes =
        std::make_shared<std::vector<uint8_t>>(copy_of(info[2].As<Napi::Uint8Array>()));
    return submit(
        info.Env(), job_id,
        [held = trainer(), name, begin, bytes](Engine&, const Cancel&) {
          held->state().write(name, begin, static_cast<int64_t>(bytes->size()), bytes->data());
        },
        nothing);
  });
}

Napi::Value TrainerWrap::restore(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const int64_t steps = whole_arg(info, 0, "steps", 0), job_id = whole_arg(info, 1, "jobId", 1);
    return submit(
        info.Env(), job_id,
        [held = trainer(), steps](Engine& engine, const Cancel&) {
          held->state().restore(engine.team(), steps);
        },
        nothing);
  });
}

Napi::Value TrainerWrap::keep(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const int64_t job_id = whole_arg(info, 0, "jobId", 1);
    return submit(
        info.Env(), job_id,
        [held = trainer()](Engine& engine, const Cancel&) {
          held->state().copies().keep(engine.team());
        },
        nothing);
  });
}

Napi::Value TrainerWrap::exchange(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string copy = string_arg(info, 0, "copy");
    const int64_t job_id = whole_arg(info, 1, "jobId", 1);
    if (copy != "average" && copy != "kept") bad_argument("copy must be average or kept");
    return submit(
        info.Env(), job_id,
        [held = trainer(), average = copy == "average"](Engine& engine, const Cancel&) {
          WeightCopies& copies = held->state().copies();
          if (average) {
            copies.exchange_average(engine.team());
          } else {
            copies.exchange_kept(engine.team());
          }
        },
        nothing);
  });
}

void TrainerWrap::dispose(const Napi::CallbackInfo&) { trainer_ = nullptr; }

}  // namespace sinter
