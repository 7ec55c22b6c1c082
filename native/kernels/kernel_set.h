// The kernels of all families at one ISA level. Programs and the trainer call kernels through it.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/attention/attention.h"
#include "kernels/dropout/dropout.h"
#include "kernels/embedding/embedding.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_s8/gemm_s8.h"
#include "kernels/loss/loss.h"
#include "kernels/norm/norm.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/pool/pool.h"
#include "kernels/quantize/quantize.h"
#include "kernels/reduce/reduce.h"
#include "kernels/softmax/softmax.h"

namespace sinter {

struct KernelSet {
  const ActivationKernels& activation;
  const AttentionKernels& attention;
  const DropoutKernels& dropout;
  const EmbeddingKernels& embedding;
  const GemmF32Kernels& gemm_f32;
  const GemmS8Kernels& gemm_s8;
  const LossKernels& loss;
  const NormKernels& norm;
  const OptimizerKernels& optimizer;
  const PoolKernels& pool;
  const QuantizeKernels& quantize;
  const ReduceKernels& reduce;
  const SoftmaxKernels& softmax;
};

// The kernels at active_isa(), picked once.
const KernelSet& active_kernels();

}  // namespace sinter
