// The table of optimizers.
#include "train/optimizers/optimizer.h"

#include "base/errors.h"

namespace sinter {

std::unique_ptr<Optimizer> make_optimizer(const OptimizerSettings& settings) {
#define SINTER_OPTIMIZER(one) \
  if (settings.name == #one) return make_##one(settings);
#include "train/optimizers.inc"
#undef SINTER_OPTIMIZER
  throw Error(ErrorCode::INTERNAL, "unknown optimizer " + settings.name);
}

std::vector<std::string> optimizer_names() {
  return {
#define SINTER_OPTIMIZER(one) #one,
#include "train/optimizers.inc"
#undef SINTER_OPTIMIZER
  };
}

}  // namespace sinter
