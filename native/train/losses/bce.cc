// bce: binary cross entropy of sigmoid(x) against targets from 0 to 1, averaged over all elements.
#include "train/losses/parts.h"

namespace sinter {

double bce_loss(const LossCall& call) {
  return element_loss(call, call.run.kernels.loss.binary_cross_entropy);
}

}  // namespace sinter
