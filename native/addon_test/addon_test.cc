// The test-only addon: the kernel tables with typed arrays, for vitest and the kernel bench. Never
// shipped.
#include <napi.h>

#include "addon_test/families.h"
#include "addon_test/peaks.h"
#include "base/errors.h"
#include "base/isa.h"

namespace sinter {
namespace {

// { active, host }: host lists the names of the levels that this CPU can run
Napi::Value isa_value(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array host = Napi::Array::New(env);
  for (int i = 0; i < kIsaCount; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (host_supports(isa)) host.Set(host.Length(), isa_name(isa));
  }
  Napi::Object out = Napi::Object::New(env);
  try {
    out.Set("active", isa_name(active_isa()));
  } catch (const Error& error) {  // SINTER_ISA names a level that this CPU lacks
    throw Napi::Error::New(env, error.what());
  }
  out.Set("host", host);
  return out;
}

// [{ kind, isa, operationsPerSecond }]
Napi::Value peaks_value(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array out = Napi::Array::New(env);
  for (const Peak& peak : measure_peaks()) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("kind", peak.kind);
    entry.Set("isa", isa_name(peak.isa));
    entry.Set("operationsPerSecond", peak.operations_a_second);
    out.Set(out.Length(), entry);
  }
  return out;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("isa", Napi::Function::New(env, isa_value));
  exports.Set("peaks", Napi::Function::New(env, peaks_value));
  export_gemm_f32_test(env, exports);
  export_gemm_f64_test(env, exports);
  export_gemm_s8_test(env, exports);
  export_norm_test(env, exports);
  export_activation_test(env, exports);
  export_attention_test(env, exports);
  export_embedding_test(env, exports);
  export_pool_test(env, exports);
  export_softmax_test(env, exports);
  export_loss_test(env, exports);
  export_optimizer_test(env, exports);
  export_dropout_test(env, exports);
  export_reduce_test(env, exports);
  export_quantize_test(env, exports);
  export_base_test(env, exports);
  export_job_queue_test(env, exports);
  export_math_test(env, exports);
  export_program_test(env, exports);
  export_positions_test(env, exports);
  return exports;
}

NODE_API_MODULE(sinter_test, init)

}  // namespace
}  // namespace sinter
