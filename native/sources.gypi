{
  "variables": {
    "base_files": [
      "base/errors.cc",
      "base/half.cc",
      "base/isa.cc",
      "base/job_queue.cc",
      "base/team.cc"
    ],
    "kernel_files": [
      "kernels/activation/activation.cc",
      "kernels/activation/activation_scalar.cc",
      "kernels/attention/attention.cc",
      "kernels/attention/attention_scalar.cc",
      "kernels/dropout/dropout.cc",
      "kernels/dropout/dropout_scalar.cc",
      "kernels/embedding/embedding.cc",
      "kernels/embedding/embedding_scalar.cc",
      "kernels/gemm_f32/gemm_f32.cc",
      "kernels/gemm_f32/gemm_f32_scalar.cc",
      "kernels/gemm_s8/gemm_s8.cc",
      "kernels/gemm_s8/gemm_s8_scalar.cc",
      "kernels/kernel_set.cc",
      "kernels/norm/norm.cc",
      "kernels/norm/norm_scalar.cc",
      "kernels/optimizer/optimizer.cc",
      "kernels/optimizer/optimizer_scalar.cc",
      "kernels/pool/pool.cc",
      "kernels/pool/pool_scalar.cc",
      "kernels/quantize/quantize.cc",
      "kernels/quantize/quantize_scalar.cc",
      "kernels/reduce/reduce.cc",
      "kernels/reduce/reduce_scalar.cc",
      "kernels/softmax/softmax.cc",
      "kernels/softmax/softmax_scalar.cc"
    ],
    "avx2_kernel_files": [
      "kernels/activation/activation_avx2.cc",
      "kernels/attention/attention_avx2.cc",
      "kernels/dropout/dropout_avx2.cc",
      "kernels/embedding/embedding_avx2.cc",
      "kernels/gemm_f32/gemm_f32_avx2.cc",
      "kernels/gemm_s8/gemm_s8_avx2.cc",
      "kernels/norm/norm_avx2.cc",
      "kernels/optimizer/optimizer_avx2.cc",
      "kernels/pool/pool_avx2.cc",
      "kernels/quantize/quantize_avx2.cc",
      "kernels/reduce/reduce_avx2.cc",
      "kernels/softmax/softmax_avx2.cc"
    ],
    "avx512_kernel_files": [
      "kernels/activation/activation_avx512.cc",
      "kernels/attention/attention_avx512.cc",
      "kernels/dropout/dropout_avx512.cc",
      "kernels/embedding/embedding_avx512.cc",
      "kernels/gemm_f32/gemm_f32_avx512.cc",
      "kernels/gemm_s8/gemm_s8_avx512.cc",
      "kernels/norm/norm_avx512.cc",
      "kernels/optimizer/optimizer_avx512.cc",
      "kernels/pool/pool_avx512.cc",
      "kernels/quantize/quantize_avx512.cc",
      "kernels/reduce/reduce_avx512.cc",
      "kernels/softmax/softmax_avx512.cc"
    ],
    "vnni_kernel_files": [
      "kernels/gemm_s8/gemm_s8_vnni.cc"
    ],
    "engine_files": [
      "ops/attention.cc",
      "ops/dropout.cc",
      "ops/embedding.cc",
      "ops/factory.cc",
      "ops/linear.cc",
      "ops/norm.cc",
      "ops/pool.cc",
      "ops/products.cc",
      "program/builder.cc",
      "program/engine.cc",
      "program/memory_plan.cc",
      "program/program.cc",
      "program/weights.cc",
      "train/trainer.cc"
    ],
    "addon_files": [
      "addon/addon.cc",
      "addon/args.cc",
      "addon/environment.cc",
      "addon/graph_arg.cc",
      "addon/program_wrap.cc",
      "addon/trainer_wrap.cc"
    ],
    "addon_test_files": [
      "addon_test/addon_test.cc",
      "addon_test/gemm_f32_test.cc",
      "addon_test/gemm_s8_test.cc",
      "addon_test/peaks.cc"
    ],
    "common_cflags": ["-std=c++20", "-Wall", "-Wextra", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-fvisibility-inlines-hidden"],
    "optimize_cflags": ["-O3"],
    "engine_cflags": ["-Wmissing-declarations"],
    "avx2_cflags": ["-mavx2", "-mfma", "-mf16c"],
    "avx512_cflags": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
    "vnni_cflags": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"],
    "addon_defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"]
  }
}
