// Optimizer steps: unpacked here, run on the job thread.
#include "addon/trainer_wrap.h"

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/guard.h"
#include "addon/program_wrap.h"

namespace sinter {
namespace {

TrainerSettings settings_arg(const Napi::Object& object) {
  TrainerSettings settings;
  settings.beta1 = static_cast<float>(number_field(object, "beta1"));
  settings.beta2 = static_cast<float>(number_field(object, "beta2"));
  settings.epsilon = static_cast<float>(number_field(object, "epsilon"));
  settings.weight_decay = static_cast<float>(number_field(object, "weightDecay"));
  for (std::string& name : strings_field(object, "decayed")) settings.decayed.insert(std::move(name));
  return settings;
}

StepLoss loss_arg(const Napi::Object& object, const Program& program, const WholeBatch& batch) {
  StepLoss loss;
  if (string_field(object, "kind") == "cross_entropy") {
    const Napi::Int32Array labels = ints_field(object, "labels");
    const ValueInfo& logits = program.value(program.output(loss.output));
    if (static_cast<int64_t>(labels.ElementLength()) != batch.sequences || logits.kind != ValueKind::sequence) {
      bad_argument("cross entropy needs one label per sequence");
    }
    loss.labels = labels.Data();
    for (int64_t i = 0; i < batch.sequences; ++i) {
      if (loss.labels[i] < -1 || loss.labels[i] >= logits.width) bad_argument("a label is out of range");
    }
    return loss;
  }
  loss.output = string_field(object, "output");
  const Napi::Float32Array gradient = floats_field(object, "gradient");
  const ValueInfo& value = program.value(program.output(loss.output));
  const int64_t rows = value.kind == ValueKind::token ? batch.tokens() : batch.sequences;
  if (static_cast<int64_t>(gradient.ElementLength()) != rows * value.width) {
    bad_argument("the gradient must be as large as the output");
  }
  loss.gradient = gradient.Data();
  return loss;
}

StepSettings step_arg(const Napi::Object& object) {
  StepSettings settings;
  settings.learning_rate = number_field(object, "learningRate");
  settings.max_grad_norm = number_field(object, "maxGradNorm");
  settings.update = bool_field(object, "update");
  const Napi::Value seed = object.Get("dropoutSeed");
  settings.dropout = seed.IsNumber();
  if (settings.dropout) settings.dropout_key = static_cast<uint64_t>(seed.As<Napi::Number>().Int64Value());
  return settings;
}

}  // namespace

Napi::Function TrainerWrap::define(Napi::Env env) {
  return DefineClass(env, "Trainer",
                     {InstanceMethod("step", &TrainerWrap::step),
                      InstanceMethod("readGradient", &TrainerWrap::read_gradient),
                      InstanceMethod("dispose", &TrainerWrap::dispose)});
}

TrainerWrap::TrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerWrap>(info) {
  guarded(info, [&] {
    const ProgramWrap& wrap = ProgramWrap::unwrap(info.Env(), object_arg(info, 0, "program"));
    trainer_ = std::make_shared<Trainer>(wrap.sealed_program(), settings_arg(object_arg(info, 1, "settings")));
  });
}

const std::shared_ptr<Trainer>& TrainerWrap::trainer() const {
  if (trainer_ == nullptr) throw Error(ErrorCode::DISPOSED, "the trainer was disposed");
  return trainer_;
}

Napi::Value TrainerWrap::step(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Trainer> held = trainer();
    const Program& program = *held->program();
    const Napi::Object keep = Napi::Object::New(info.Env());
    keep.Set("batch", object_arg(info, 0, "batch"));
    keep.Set("loss", object_arg(info, 1, "loss"));
    const WholeBatch batch = batch_arg(object_arg(info, 0, "batch"), program.graph());
    const StepLoss loss = loss_arg(object_arg(info, 1, "loss"), program, batch);
    const Napi::Object options = object_arg(info, 2, "options");
    const StepSettings settings = step_arg(options);
    const auto result = std::make_shared<StepResult>();
    return Environment::of(info.Env())
        .submit(
            info.Env(), integer_field(options, "jobId", 1, int64_t{1} << 52), keep,
            [held, batch, loss, settings, result](Engine& engine, const Cancel& cancel) {
              *result = held->step(engine, batch, loss, settings, cancel);
            },
            [result](Napi::Env env) {
              const Napi::Object object = Napi::Object::New(env);
              object.Set("loss", Napi::Number::New(env, result->loss));
              object.Set("gradNorm", Napi::Number::New(env, result->grad_norm));
              return object;
            });
  });
}

Napi::Value TrainerWrap::read_gradient(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const int64_t elements = trainer()->program()->weights().elements(name);
    Napi::Float32Array values = Napi::Float32Array::New(info.Env(), static_cast<size_t>(elements));
    trainer()->read_gradient(name, values.Data());
    return values;
  });
}

void TrainerWrap::dispose(const Napi::CallbackInfo&) { trainer_ = nullptr; }

}  // namespace sinter
