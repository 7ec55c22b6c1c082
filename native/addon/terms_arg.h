// The loss terms of a training pass, copied from JavaScript's arrays and checked against the
// program and the batch.
#pragma once

#include <napi.h>

#include <vector>

#include "addon/args.h"
#include "program/program.h"
#include "train/losses/loss.h"

namespace sinter {

std::vector<LossTerm> terms_arg(const Napi::Array& terms, const Program& program,
                                const TokenBatch& batch);

// The rows of losses.inc: { name, targets, unit, coupled }[].
Napi::Array losses_value(Napi::Env env);

}  // namespace sinter
