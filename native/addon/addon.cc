// The module: exports everything that NativeBinding in lib/native/native.ts declares, and nothing
// else.
#include <napi.h>

#include <cmath>

#include "addon/args.h"
#include "addon/arrays_arg.h"
#include "addon/byte_pairs_wrap.h"
#include "addon/environment.h"
#include "addon/gram_wrap.h"
#include "addon/guard.h"
#include "addon/histogram_wrap.h"
#include "addon/low_rank_call.h"
#include "addon/program_wrap.h"
#include "addon/store_wrap.h"
#include "addon/terms_arg.h"
#include "addon/trainer_wrap.h"
#include "addon/word_list_wrap.h"
#include "addon/word_pieces_wrap.h"
#include "base/exchange.h"
#include "kernels/kernel_set.h"

namespace sinter {
namespace {

constexpr int kAbi = 25;  // equals NATIVE_ABI in lib/native/native.ts

Napi::Value isa(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Napi::Array levels = Napi::Array::New(info.Env());
    Isa host = Isa::scalar;
    for (int i = 0; i < kIsaCount; ++i) {
      if (!host_supports(static_cast<Isa>(i))) continue;
      host = static_cast<Isa>(i);
      levels.Set(levels.Length(), isa_name(host));
    }
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("active", isa_name(active_isa()));
    result.Set("host", isa_name(host));
    result.Set("levels", levels);
    return result;
  });
}

Napi::Value error_codes(const Napi::CallbackInfo& info) {
  const Napi::Array codes = Napi::Array::New(info.Env(), kErrorCodeCount);
  for (int i = 0; i < kErrorCodeCount; ++i) {
    codes.Set(static_cast<uint32_t>(i), error_code_name(static_cast<ErrorCode>(i)));
  }
  return codes;
}

// A whole number of at most 2^53; INTERNAL for anything else.
int64_t integer_arg(const Napi::CallbackInfo& info, size_t index, const char* what) {
  if (info.Length() <= index || !info[index].IsNumber())
    bad_argument(std::string(what) + " must be a number");
  const double value = info[index].As<Napi::Number>().DoubleValue();
  if (!(std::fabs(value) <= 0x1p53) || value != std::floor(value))
    bad_argument(std::string(what) + " must be whole");
  return static_cast<int64_t>(value);
}

Napi::Value start_lanes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Environment::of(info.Env()).start_lanes(integer_arg(info, 0, "lanes"));
    return info.Env().Undefined();
  });
}

Napi::Value lanes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), Environment::of(info.Env()).engine().team().lanes());
  });
}

Napi::Value next_job_id(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(Environment::of(info.Env()).next_job_id()));
}

Napi::Value cancel(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Environment::of(info.Env()).cancel(integer_arg(info, 0, "jobId"));
    return info.Env().Undefined();
  });
}

// Busy milliseconds of each lane; empty before startLanes.
Napi::Value lane_busy_ms(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::vector<int64_t> busy = Environment::of(info.Env()).lane_busy_ns();
    Napi::Float64Array result = Napi::Float64Array::New(info.Env(), busy.size());
    for (size_t i = 0; i < busy.size(); ++i) result[i] = static_cast<double>(busy[i]) / 1e6;
    return result;
  });
}

// The system's number of each lane's thread, 0 where it has none; empty before startLanes.
Napi::Value lane_threads(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::vector<int> threads = Environment::of(info.Env()).lane_threads();
    Napi::Int32Array result = Napi::Int32Array::New(info.Env(), threads.size());
    for (size_t i = 0; i < threads.size(); ++i) result[i] = threads[i];
    return result;
  });
}

Napi::Value weight_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(weight_bytes_in_process()));
}

Napi::Value losses(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value { return losses_value(info.Env()); });
}

Napi::Value optimizers(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    Napi::Array names = Napi::Array::New(info.Env());
    for (const std::string& name : optimizer_names()) names.Set(names.Length(), name);
    return names;
  });
}

Napi::Value exchange(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string a = string_arg(info, 0, "a"), b = string_arg(info, 1, "b");
    return Napi::Boolean::New(info.Env(), exchange_paths(a, b));
  });
}

Napi::Value storages(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const Storage* storage : all_storages()) names.Set(names.Length(), storage->name());
  return names;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  try {
    active_isa();  // a wrong SINTER_ISA fails at load, not at the first call
  } catch (...) {
    const auto [code, message] = describe_exception(std::current_exception());
    throw make_js_error(env, code, message);
  }
  env.SetInstanceData<Environment>(new Environment(env));
  exports.Set("abi", Napi::Number::New(env, kAbi));
  exports.Set("isa", Napi::Function::New(env, isa));
  exports.Set("errorCodes", Napi::Function::New(env, error_codes));
  exports.Set("startLanes", Napi::Function::New(env, start_lanes));
  exports.Set("lanes", Napi::Function::New(env, lanes));
  exports.Set("laneBusyMs", Napi::Function::New(env, lane_busy_ms));
  exports.Set("laneThreads", Napi::Function::New(env, lane_threads));
  exports.Set("nextJobId", Napi::Function::New(env, next_job_id));
  exports.Set("cancel", Napi::Function::New(env, cancel));
  exports.Set("weightBytes", Napi::Function::New(env, weight_bytes));
  exports.Set("storages", Napi::Function::New(env, storages));
  exports.Set("losses", Napi::Function::New(env, losses));
  exports.Set("optimizers", Napi::Function::New(env, optimizers));
  exports.Set("referenceProduct", Napi::Function::New(env, reference_product_value));
  exports.Set("gatherRows", Napi::Function::New(env, gather_rows_value));
  exports.Set("writeFloat32Json", Napi::Function::New(env, write_float32_json_value));
  exports.Set("exchangePaths", Napi::Function::New(env, exchange));
  exports.Set("lowRank", Napi::Function::New(env, low_rank_value));
  exports.Set("Gram", GramWrap::define(env));
  exports.Set("Histogram", HistogramWrap::define(env));
  exports.Set("Store", StoreWrap::define(env));
  exports.Set("BytePairs", BytePairsWrap::define(env));
  exports.Set("Program", ProgramWrap::define(env));
  exports.Set("Trainer", TrainerWrap::define(env));
  exports.Set("WordList", WordListWrap::define(env));
  exports.Set("WordPieces", WordPiecesWrap::define(env));
  return exports;
}

}  // namespace
}  // namespace sinter

static Napi::Object init_sinter(Napi::Env env, Napi::Object exports) {
  return sinter::init(env, exports);
}

NODE_API_MODULE(sinter, init_sinter)
