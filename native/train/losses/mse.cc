// mse: squared error, averaged over all elements.
#include "train/losses/parts.h"

namespace sinter {

double mse_loss(const LossCall& call) {
  return element_loss(call, call.run.kernels.loss.squared_error);
}

}  // namespace sinter
