// Programs over a store, and forward passes. Jobs hold their own shared_ptr to the program, so
// dispose() during a call is safe.
#include "addon/program_wrap.h"

#include <optional>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "addon/store_wrap.h"
#include "ops/factory.h"

namespace sinter {
namespace {

napi_type_tag program_tag(Napi::Env env) { return Environment::tag(env, 0x53696E7465725072ull); }

// The option `trainable`: true, false, or a list of names.
Trained trained_arg(const Napi::Object& options) {
  Trained trained;
  if (options.Get("trainable").IsArray()) {
    for (std::string& name : strings_field(options, "trainable"))
      trained.names.insert(std::move(name));
  } else {
    trained.all = bool_field(options, "trainable");
  }
  return trained;
}

// An output of a run. It is computed in memory of the job and copied to JavaScript's array at the
// end, because a script may transfer or shrink the buffer of that array while the job runs.
struct Staged {
  std::string name;
  int value = -1;
  int64_t elements = 0;
  AlignedBuffer<float> data;
};

struct RunJob {
  std::shared_ptr<Program> program;
  TokenBatch batch;
  std::vector<Staged> outputs;
  std::vector<OutputTarget> targets;
  std::optional<Forward> call;  // borrows from the members above

  // Call it when the members above are set.
  void prepare(int64_t budget, int lanes) {
    for (Staged& output : outputs)
      targets.push_back({output.value, output.data.reserve(output.elements)});
    call.emplace(*program, batch.view(), targets, budget, lanes);
  }

  void settle(const Environment::Kept& arrays) const {
    for (size_t i = 0; i < outputs.size(); ++i) {
      Napi::Float32Array array = arrays[i].Value().As<Napi::Float32Array>();
      const Staged& output = outputs[i];
      if (static_cast<int64_t>(array.ElementLength()) != output.elements) {
        bad_argument("the array of output " + output.name +
                     " was transferred or resized during the call");
      }
      if (output.elements > 0) std::copy_n(output.data.data(), output.elements, array.Data());
    }
  }
};

// Reads the outputs of a call, and the arrays that they will be copied to.
void outputs_arg(const Napi::Value& value, RunJob& job, Environment::Kept& arrays) {
  if (!value.IsArray()) bad_argument("outputs must be an array");
  const Napi::Array list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value entry = list.Get(i);
    if (!entry.IsObject()) bad_argument("an output must be an object");
    const Napi::Object object = entry.As<Napi::Object>();
    Staged output;
    output.name = string_field(object, "name");
    output.value = job.program->output(output.name);
    const ValueInfo& shape = job.program->value(output.value);
    output.elements = job.batch.rows(shape.kind) * shape.width;
    Napi::Float32Array data = floats_field(object, "data");
    if (static_cast<int64_t>(data.ElementLength()) != output.elements) {
      bad_argument("output " + output.name + " must have " + std::to_string(output.elements) +
                   " elements, got " + std::to_string(data.ElementLength()));
    }
    job.outputs.push_back(std::move(output));
    arrays.push_back(Napi::Persistent(data.As<Napi::Object>()));
  }
}

}  // namespace

Napi::Function ProgramWrap::define(Napi::Env env) {
  return DefineClass(
      env, "Program",
      {InstanceMethod("seal", &ProgramWrap::seal),
       InstanceMethod("residentBytes", &ProgramWrap::resident_bytes),
       InstanceMethod("run", &ProgramWrap::run), InstanceMethod("dispose", &ProgramWrap::dispose)});
}

ProgramWrap::ProgramWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramWrap>(info) {
  guarded(info, [&] {
    GraphSpec graph = graph_arg(object_arg(info, 0, "graph"));
    const Trained trained = trained_arg(object_arg(info, 2, "options"));
    // Read last: reading the arguments above runs JavaScript, which may dispose the store.
    const Napi::Object store = object_arg(info, 1, "store");
    const StoreWrap& wrap = StoreWrap::unwrap(info.Env(), store);
    packing_ = wrap.packing();
    if (*packing_) bad_argument("a program is not made while its store packs");
    program_ = std::make_shared<Program>(std::move(graph), wrap.store(), trained, &make_op);
    const napi_type_tag tag = program_tag(info.Env());
    Napi::Object self = info.This().As<Napi::Object>();
    self.TypeTag(&tag);
    self.DefineProperty(Napi::PropertyDescriptor::Value("store", store, napi_enumerable));
  });
}

ProgramWrap& ProgramWrap::unwrap(const Napi::Env& env, const Napi::Value& value) {
  const napi_type_tag tag = program_tag(env);
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag))
    bad_argument("not a Program");
  return *Unwrap(value.As<Napi::Object>());
}

const std::shared_ptr<Program>& ProgramWrap::program() const {
  if (program_ == nullptr) throw Error(ErrorCode::DISPOSED, "the model was disposed");
  return program_;
}

const std::shared_ptr<Program>& ProgramWrap::sealed_program() const {
  if (!program()->sealed()) bad_argument("the program is not sealed");
  return program_;
}

Napi::Value ProgramWrap::seal(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Program> held = program();
    if (seal_called_) bad_argument("a program is sealed once, and not while pack runs");
    const Napi::Value promise =
        submit_packing(info, held->weights().store(), packing_,
                       [held](Team& team, const Cancel& cancel) { held->seal(team, cancel); });
    seal_called_ = true;
    return promise;
  });
}

Napi::Value ProgramWrap::resident_bytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(program()->resident_bytes()));
  });
}

Napi::Value ProgramWrap::run(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto job = std::make_shared<RunJob>();
    job->program = sealed_program();
    const Napi::Object options = object_arg(info, 2, "options");
    const int64_t job_id = integer_field(options, "jobId", 1, int64_t{1} << 52);
    const int64_t budget = integer_field(options, "tokenBudget", 1, 1 << 24);
    const bool urgent = options.Has("urgent") && bool_field(options, "urgent");
    job->batch = batch_arg(object_arg(info, 0, "batch"), *job->program);
    Environment::Kept arrays;
    outputs_arg(object_arg(info, 1, "outputs"), *job, arrays);
    Environment& environment = Environment::of(info.Env());
    job->prepare(budget, environment.engine().team().lanes());
    const auto settle = [job](Napi::Env env, const Environment::Kept& kept) {
      job->settle(kept);
      return env.Undefined();
    };
    const int64_t pieces = static_cast<int64_t>(job->call->slices().size());
    // With a program that is trained, steps and runs keep the order in which they were submitted.
    if (!urgent || pieces == 0 || job->program->weights().trainable()) {
      return environment.submit(
          info.Env(), job_id, std::move(arrays),
          [job](Engine& engine, const Cancel& cancel) { engine.run(*job->call, cancel); }, settle);
    }
    Environment::UrgentWork work;
    work.pieces = pieces;
    work.whole = [job](Engine& engine, const Cancel& cancel) {
      engine.run_urgent(*job->call, cancel);
    };
    work.piece = [job](Engine& engine, int64_t piece, int lane, const Cancel& cancel) {
      engine.run_urgent_slice(*job->call, piece, lane, cancel);
    };
    return environment.submit_urgent(info.Env(), job_id, std::move(arrays), std::move(work),
                                     settle);
  });
}

void ProgramWrap::dispose(const Napi::CallbackInfo&) { program_ = nullptr; }

}  // namespace sinter
