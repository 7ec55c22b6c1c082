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
  settings.beta1 = number_field(object, "beta1");
  settings.beta2 = number_field(object, "beta2");
  settings.epsilon = number_field(object, "epsilon");
  settings.weight_decay = number_field(object, "weightDecay");
  for (std::string& name : strings_field(object, "decayed"))
    settings.decayed.insert(std::move(name));
  return settings;
}

// A step with all that it reads, copied out of JavaScript's hands.
struct StepJob {
  std::shared_ptr<Trainer> trainer;
  TokenBatch batch;
  StepSettings settings;
  std::string output = "logits";
  LossKind kind = LossKind::external;
  std::vector<int32_t> labels, ends;
  std::vector<float> values;
  StepResult result;

  const ValueInfo& value() const {
    const Program& program = *trainer->program();
    return program.value(program.output(output));
  }
  int64_t rows() const { return batch.rows(value().kind); }

  void work(Engine& engine, const Cancel& cancel) {
    const StepLoss loss{kind, output, labels.data(), ends.data(), values.data()};
    result = trainer->step(engine, batch.view(), loss, settings, cancel);
  }
};

void check_label(const std::vector<int32_t>& labels, int64_t index, int64_t classes) {
  const int32_t label = labels[static_cast<size_t>(index)];
  if (label < -1 || label >= classes) bad_argument("a label is out of range");
}

void cross_entropy_arg(const Napi::Object& object, StepJob& job) {
  job.labels = copy_of(ints_field(object, "labels"));
  const int64_t rows = job.rows();
  if (static_cast<int64_t>(job.labels.size()) != rows)
    bad_argument("cross entropy needs one label per row of the logits");
  for (int64_t i = 0; i < rows; ++i) check_label(job.labels, i, job.value().width);
}

// Targets or a gradient, as large as the output.
void values_arg(const Napi::Object& object, const char* key, StepJob& job) {
  job.values = copy_of(floats_field(object, key));
  if (static_cast<int64_t>(job.values.size()) != job.rows() * job.value().width)
    bad_argument(std::string(key) + " must be as large as the output");
}

void span_arg(const Napi::Object& object, StepJob& job) {
  job.labels = copy_of(ints_field(object, "starts"));
  job.ends = copy_of(ints_field(object, "ends"));
  const int64_t sequences = job.batch.sequences();
  if (job.value().kind != ValueKind::token || job.value().width != 2)
    bad_argument("span needs two logits per token");
  if (static_cast<int64_t>(job.labels.size()) != sequences || job.ends.size() != job.labels.size())
    bad_argument("span needs one start and one end per sequence");
  for (int64_t i = 0; i < sequences; ++i) {
    const int32_t* offsets = job.batch.offsets.data() + i;
    check_label(job.labels, i, offsets[1] - offsets[0]);
    check_label(job.ends, i, offsets[1] - offsets[0]);
  }
}

void loss_arg(const Napi::Object& object, StepJob& job) {
  const std::string kind = string_field(object, "kind");
  if (kind == "external") {
    job.output = string_field(object, "output");
    return values_arg(object, "gradient", job);
  }
  if (kind == "cross_entropy") {
    job.kind = LossKind::cross_entropy;
    return cross_entropy_arg(object, job);
  }
  if (kind == "bce" || kind == "mse") {
    job.kind = kind == "bce" ? LossKind::binary_cross_entropy : LossKind::squared_error;
    return values_arg(object, "targets", job);
  }
  if (kind != "span") bad_argument("unknown loss " + kind);
  job.kind = LossKind::span;
  span_arg(object, job);
}

StepSettings step_arg(const Napi::Object& object) {
  StepSettings settings;
  settings.learning_rate = number_field(object, "learningRate");
  settings.max_grad_norm = number_field(object, "maxGradNorm");
  settings.update = bool_field(object, "update");
  const Napi::Value seed = object.Get("dropoutSeed");
  settings.dropout = seed.IsNumber();
  if (!settings.dropout && !seed.IsNull()) bad_argument("dropoutSeed must be a number or null");
  if (settings.dropout)
    settings.dropout_key = static_cast<uint64_t>(seed.As<Napi::Number>().Int64Value());
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
    // The settings first: reading them runs JavaScript, which may dispose the program.
    TrainerSettings settings = settings_arg(object_arg(info, 1, "settings"));
    std::shared_ptr<Program> program =
        ProgramWrap::unwrap(info.Env(), object_arg(info, 0, "program")).sealed_program();
    trainer_ = std::make_shared<Trainer>(std::move(program), std::move(settings));
  });
}

const std::shared_ptr<Trainer>& TrainerWrap::trainer() const {
  if (trainer_ == nullptr) throw Error(ErrorCode::DISPOSED, "the trainer was disposed");
  return trainer_;
}

Napi::Value TrainerWrap::step(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto job = std::make_shared<StepJob>();
    job->trainer = trainer();
    job->batch = batch_arg(object_arg(info, 0, "batch"), *job->trainer->program());
    if (job->batch.unpooled != 0) bad_argument("unpooled must be 0 in a step");
    loss_arg(object_arg(info, 1, "loss"), *job);
    const Napi::Object options = object_arg(info, 2, "options");
    job->settings = step_arg(options);
    const int64_t job_id = integer_field(options, "jobId", 1, int64_t{1} << 52);
    const auto writing = std::make_shared<WriteScope>(job->trainer->program()->weights().store());
    return Environment::of(info.Env())
        .submit(
            info.Env(), job_id, {},
            [job](Engine& engine, const Cancel& cancel) { job->work(engine, cancel); },
            [job, writing](Napi::Env env, const Environment::Kept&) {
              const Napi::Object object = Napi::Object::New(env);
              object.Set("loss", Napi::Number::New(env, job->result.loss));
              object.Set("gradNorm", Napi::Number::New(env, job->result.grad_norm));
              return object;
            });
  });
}

Napi::Value TrainerWrap::read_gradient(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    if (trainer()->program()->weights().store()->being_written())
      bad_argument("readGradient while a training step runs");
    const int64_t elements = trainer()->program()->weights().elements(name);
    Napi::Float32Array values = Napi::Float32Array::New(info.Env(), static_cast<size_t>(elements));
    trainer()->read_gradient(name, values.Data());
    return values;
  });
}

void TrainerWrap::dispose(const Napi::CallbackInfo&) { trainer_ = nullptr; }

}  // namespace sinter
