// span: the start and the end of an answer. The output has two columns of tokens; each is a softmax
// over the tokens of a text, with the cross entropy averaged over the texts that have a label. The
// loss is half the sum of both averages.
#include "train/losses/parts.h"

namespace sinter {

double span_loss(const LossCall& call) {
  Run& run = call.run;
  const Batch& batch = run.batch;
  std::vector<float> losses[2];
  for (auto& list : losses) list.resize(static_cast<size_t>(batch.sequences));
  const int32_t* labels = call.term.labels.data() + 2 * batch.first_sequence;
  const float factors[] = {0.5f * gradient_share(call.term.weight, call.count),
                           0.5f * gradient_share(call.term.weight, call.ends_count)};
  run.parallel(batch.sequences, 8 * batch.tokens, [&](int64_t s, int lane) {
    const int64_t first = batch.offsets[s], length = batch.offsets[s + 1] - first;
    float* column = run.lane_scratch<float>(lane, length);
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t t = 0; t < length; ++t) column[t] = call.x[2 * (first + t) + c];
      run.kernels.softmax.cross_entropy(1, length, column, labels + 2 * s + c, factors[c],
                                        losses[c].data() + s, column);
      for (int64_t t = 0; t < length; ++t) call.dx[2 * (first + t) + c] = column[t];
    }
  });
  return 0.5 * (loss_mean(losses[0], call.count) + loss_mean(losses[1], call.ends_count));
}

}  // namespace sinter
