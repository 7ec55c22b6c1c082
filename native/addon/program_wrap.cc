// Weights in and out, and forward passes. Jobs hold their own shared_ptr, so dispose() during a
// call is safe.
#include "addon/program_wrap.h"

#include <cmath>
#include <optional>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/guard.h"
#include "base/half.h"
#include "ops/factory.h"

namespace sinter {
namespace {

// Marks programs of this environment: those of another copy of the addon run on another engine.
napi_type_tag program_tag(Napi::Env env) {
  return {0x53696E7465725072ull,
          static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&Environment::of(env)))};
}

// Writes `count` elements of 1, 2 or 4 bytes, widened in pieces on the stack.
void write_values(Weights& weights, const std::string& name, int64_t offset,
                  const std::string& dtype, const uint8_t* bytes, int64_t size) {
  if (dtype == "s8") {
    weights.write_codes(name, offset, reinterpret_cast<const int8_t*>(bytes), size);
    return;
  }
  if (dtype == "f16" && size % 2 == 0 && weights.held_in_half(name)) {
    weights.write_halves(name, offset, bytes, size / 2);
    return;
  }
  const int64_t width = dtype == "f32" ? 4 : 2;
  if ((dtype != "f32" && dtype != "f16" && dtype != "bf16") || size % width != 0) {
    bad_argument("weight " + name + ": " + std::to_string(size) +
                 " bytes are no whole elements of " + dtype);
  }
  constexpr int64_t kPiece = 4096;
  alignas(64) float piece[kPiece];
  const int64_t count = size / width;
  int64_t done = 0;
  do {  // once at least: an empty write is checked too
    const int64_t n = std::min(kPiece, count - done);
    const uint8_t* from = bytes + done * width;
    if (dtype == "f16") {
      widen_f16(n, from, piece);
    } else if (dtype == "bf16") {
      widen_bf16(n, from, piece);
    } else if (n > 0) {
      std::memcpy(piece, from, static_cast<size_t>(n) * 4);
    }
    weights.write(name, offset + done, piece, n);
    done += n;
  } while (done < count);
}

// Where a run's output goes: computed in memory of the job, copied to JavaScript's array at the
// end, because a script may transfer or shrink that array's buffer while the job runs.
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

  // When all of those are there.
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

// The outputs of a call, and the arrays that they are copied to.
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
      {InstanceMethod("writeWeight", &ProgramWrap::write_weight),
       InstanceMethod("writeScales", &ProgramWrap::write_scales),
       InstanceMethod("pack", &ProgramWrap::pack), InstanceMethod("seal", &ProgramWrap::seal),
       InstanceMethod("readWeight", &ProgramWrap::read_weight),
       InstanceMethod("readQuantized", &ProgramWrap::read_quantized),
       InstanceMethod("halves", &ProgramWrap::halves),
       InstanceMethod("readHalves", &ProgramWrap::read_halves),
       InstanceMethod("residentBytes", &ProgramWrap::resident_bytes),
       InstanceMethod("run", &ProgramWrap::run), InstanceMethod("dispose", &ProgramWrap::dispose)});
}

ProgramWrap::ProgramWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramWrap>(info) {
  guarded(info, [&] {
    GraphSpec graph = graph_arg(object_arg(info, 0, "graph"));
    const Napi::Object options = object_arg(info, 1, "options");
    const bool trainable = bool_field(options, "trainable");
    std::unordered_set<std::string> halves;
    if (options.Has("halves")) {
      for (std::string& name : strings_field(options, "halves")) halves.insert(std::move(name));
    }
    program_ = std::make_shared<Program>(std::move(graph), trainable, std::move(halves), &make_op);
    const napi_type_tag tag = program_tag(info.Env());
    info.This().As<Napi::Object>().TypeTag(&tag);
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

void ProgramWrap::write_weight(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    if (*packing_) bad_argument("weights are written before seal, and not while pack runs");
    if (info.Length() < 4 || !info[1].IsNumber() || !info[3].IsTypedArray() ||
        info[3].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      bad_argument("writeWeight takes a name, an offset, a dtype and bytes");
    }
    const Napi::Uint8Array bytes = info[3].As<Napi::Uint8Array>();
    write_values(program()->weights(), string_arg(info, 0, "name"),
                 info[1].As<Napi::Number>().Int64Value(), string_arg(info, 2, "dtype"),
                 bytes.Data(), static_cast<int64_t>(bytes.ByteLength()));
  });
}

void ProgramWrap::write_scales(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    if (*packing_) bad_argument("weights are written before seal, and not while pack runs");
    if (info.Length() < 2 || !info[1].IsTypedArray() ||
        info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      bad_argument("writeScales takes a name and a Float32Array");
    }
    Napi::Float32Array scales = info[1].As<Napi::Float32Array>();
    program()->weights().write_scales(string_arg(info, 0, "name"), scales.Data(),
                                      static_cast<int64_t>(scales.ElementLength()));
  });
}

// The id of a job: an argument that may be left out.
static int64_t job_id_arg(const Napi::CallbackInfo& info, size_t index) {
  if (info.Length() <= index || info[index].IsUndefined())
    return Environment::of(info.Env()).next_job_id();
  if (!info[index].IsNumber()) bad_argument("a job id must be a number");
  const double id = info[index].As<Napi::Number>().DoubleValue();
  if (!(id >= 1 && id <= 0x1p52) || id != std::floor(id)) bad_argument("a job id must be whole");
  return static_cast<int64_t>(id);
}

// Packing that was cancelled or found a bad number leaves a program that can only be disposed.
Napi::Value ProgramWrap::pack_or_seal(const Napi::CallbackInfo& info, bool seal) {
  return guarded(info, [&]() -> Napi::Value {
    if (*packing_) bad_argument("a program is sealed once, and not while pack runs");
    Environment& environment = Environment::of(info.Env());
    const std::shared_ptr<Program> held = program();
    const auto work = [held, seal](Team& team, const Cancel& cancel) {
      seal ? held->seal(team, cancel) : held->weights().pack(team, cancel);
    };
    // Urgent: a model that is loaded does not wait for the texts that another one computes.
    Environment::UrgentWork urgent;
    urgent.whole = [work](Engine& engine, const Cancel& cancel) { work(engine.team(), cancel); };
    urgent.piece = [work](Engine&, int64_t, int, const Cancel& cancel) {
      Team alone(1);
      work(alone, cancel);
    };
    const Napi::Promise promise = environment.submit_urgent(
        info.Env(), job_id_arg(info, 0), {}, std::move(urgent),
        [held, packing = packing_, seal](Napi::Env env, const Environment::Kept&) {
          if (!seal) *packing = false;
          return env.Undefined();
        });
    *packing_ = true;
    return promise;
  });
}

Napi::Value ProgramWrap::pack(const Napi::CallbackInfo& info) { return pack_or_seal(info, false); }

Napi::Value ProgramWrap::seal(const Napi::CallbackInfo& info) { return pack_or_seal(info, true); }

namespace {

// Rows of a weight that a read asks for: arguments 1 and 2, all of them when they are left out.
struct RowsArg {
  RowsArg(const Napi::CallbackInfo& info, const Weights& weights, const std::string& name) {
    const int64_t rows = weights.rows(name);
    begin = bound(info, 1, 0);
    end = bound(info, 2, rows);
    if (begin < 0 || begin > end || end > rows)
      bad_argument("weight " + name + " has " + std::to_string(rows) + " rows");
    count = static_cast<size_t>(end - begin);
    elements = count * static_cast<size_t>(weights.elements(name) / rows);
  }
  int64_t begin, end;
  size_t count, elements;

 private:
  static int64_t bound(const Napi::CallbackInfo& info, size_t index, int64_t otherwise) {
    if (info.Length() <= index || info[index].IsUndefined()) return otherwise;
    if (!info[index].IsNumber()) bad_argument("a row must be a number");
    const double row = info[index].As<Napi::Number>().DoubleValue();
    if (!(std::fabs(row) <= 0x1p53) || row != std::floor(row)) bad_argument("a row must be whole");
    return static_cast<int64_t>(row);
  }
};

}  // namespace

Napi::Value ProgramWrap::read_weight(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    if (sealed_program()->being_written()) bad_argument("readWeight while a training step runs");
    const Weights& weights = program_->weights();
    const RowsArg rows(info, weights, name);
    Napi::Float32Array values = Napi::Float32Array::New(info.Env(), rows.elements);
    weights.read(name, rows.begin, rows.end, values.Data());
    return values;
  });
}

Napi::Value ProgramWrap::read_quantized(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const Weights& weights = sealed_program()->weights();
    const RowsArg rows(info, weights, name);
    Napi::Int8Array data = Napi::Int8Array::New(info.Env(), rows.elements);
    Napi::Float32Array scales = Napi::Float32Array::New(info.Env(), rows.count);
    weights.read_codes(name, rows.begin, rows.end, data.Data(), scales.Data());
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("data", data);
    result.Set("scales", scales);
    return result;
  });
}

Napi::Value ProgramWrap::halves(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Weights& weights = program()->weights();
    const Napi::Array names = Napi::Array::New(info.Env());
    for (const WeightSpec& spec : weights.specs()) {
      if (weights.held_in_half(spec.name)) names.Set(names.Length(), spec.name);
    }
    return names;
  });
}

Napi::Value ProgramWrap::read_halves(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string name = string_arg(info, 0, "name");
    const Weights& weights = sealed_program()->weights();
    const RowsArg rows(info, weights, name);
    Napi::Uint16Array values = Napi::Uint16Array::New(info.Env(), rows.elements);
    weights.read_halves(name, rows.begin, rows.end, values.Data());
    return values;
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
    job->batch = batch_arg(object_arg(info, 0, "batch"), job->program->graph());
    Environment::Kept arrays;
    outputs_arg(object_arg(info, 1, "outputs"), *job, arrays);
    Environment& environment = Environment::of(info.Env());
    job->prepare(budget, environment.engine().team().lanes());
    const auto settle = [job](Napi::Env env, const Environment::Kept& kept) {
      job->settle(kept);
      return env.Undefined();
    };
    const int64_t pieces = static_cast<int64_t>(job->call->slices().size());
    // Steps and runs of a program that is trained keep the order in which they were submitted.
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
