// The exports of the test-only addon: one function per kernel family, each in <family>_test.cc.
// Every function adds one object to `exports` with rows(), one call per kernel by row name, and
// bench().
#pragma once

#include <napi.h>

namespace sinter {

void export_gemm_f32_test(Napi::Env env, Napi::Object exports);
void export_gemm_f64_test(Napi::Env env, Napi::Object exports);
void export_gemm_s8_test(Napi::Env env, Napi::Object exports);
void export_norm_test(Napi::Env env, Napi::Object exports);
void export_activation_test(Napi::Env env, Napi::Object exports);
void export_attention_test(Napi::Env env, Napi::Object exports);
void export_embedding_test(Napi::Env env, Napi::Object exports);
void export_pool_test(Napi::Env env, Napi::Object exports);
void export_softmax_test(Napi::Env env, Napi::Object exports);
void export_loss_test(Napi::Env env, Napi::Object exports);
void export_optimizer_test(Napi::Env env, Napi::Object exports);
void export_dropout_test(Napi::Env env, Napi::Object exports);
void export_reduce_test(Napi::Env env, Napi::Object exports);
void export_quantize_test(Napi::Env env, Napi::Object exports);
// Internals that belong to no kernel family.
void export_base_test(Napi::Env env, Napi::Object exports);
void export_job_queue_test(Napi::Env env, Napi::Object exports);
void export_math_test(Napi::Env env, Napi::Object exports);
void export_program_test(Napi::Env env, Napi::Object exports);
void export_positions_test(Napi::Env env, Napi::Object exports);

}  // namespace sinter
