// pair_cross_entropy (Reimers and Gurevych 2019): the rows are pairs, all first halves u before all
// second halves v, with a class for each. The mean over the pairs of the cross entropy of
// W [u; v; |u - v|] + b, with `product` of W [u; v; |u - v|; u v] + b. W and b are weights of the
// program, whose gradients the loss adds to. The slope of |u - v| where u = v is 0.
#include "train/losses/parts.h"

namespace sinter {
namespace {

// A weight with its gradient, which is nullptr where the weight is not trained.
struct Parameter {
  const float* values;
  float* grad;
};

Parameter parameter(const LossCall& call, const std::string& name) {
  const Weights& weights = call.run.weights;
  const int group = weights.group_of(name);
  const int64_t first = weights.first_row(name) * weights.at(group).width;
  float* grad = call.run.weight_grad(group);
  return {weights.at(group).values.data() + first, grad == nullptr ? nullptr : grad + first};
}

void make_features(const float* u, const float* v, int64_t width, bool product, float* y) {
  for (int64_t k = 0; k < width; ++k) {
    const float apart = u[k] - v[k];
    y[k] = u[k];
    y[width + k] = v[k];
    y[2 * width + k] = apart < 0 ? -apart : apart;
    if (product) y[3 * width + k] = u[k] * v[k];
  }
}

}  // namespace

double pair_cross_entropy_loss(const LossCall& call) {
  const auto& [weight_name, bias_name, product] = call.term.settings.classifier;
  const int64_t width = call.width, inputs = (product ? 4 : 3) * width;
  const int64_t pairs = static_cast<int64_t>(call.term.labels.size());
  const int64_t classes = call.run.weights.spec(weight_name).shape[0];
  const Parameter weight = parameter(call, weight_name), bias = parameter(call, bias_name);
  AlignedBuffer<float> features(pairs * inputs);
  std::vector<double> losses(static_cast<size_t>(pairs)), slopes(losses.size() * classes);
  const double factor = call.count == 0 ? 0 : call.term.weight / static_cast<double>(call.count);
  call.run.parallel_ranges(pairs, 1, 4 * inputs * classes, [&](int64_t begin, int64_t end, int) {
    std::vector<double> slope(static_cast<size_t>(inputs));
    for (int64_t i = begin; i < end; ++i) {
      const float* u = call.x + i * width;
      const float* v = call.x + (pairs + i) * width;
      float* x = features.data() + i * inputs;
      make_features(u, v, width, product, x);
      double* scores = slopes.data() + i * classes;  // then the slopes of the scores
      for (int64_t c = 0; c < classes; ++c) {
        scores[c] = dot_product(x, weight.values + c * inputs, inputs) + bias.values[c];
      }
      const int32_t label = call.term.labels[static_cast<size_t>(i)];
      const double total = log_sum_exp(scores, classes);
      if (label >= 0) losses[static_cast<size_t>(i)] = total - scores[label];
      std::fill(slope.begin(), slope.end(), 0.0);
      for (int64_t c = 0; c < classes; ++c) {
        const double apart = exp_any(scores[c] - total) - (c == label ? 1 : 0);
        scores[c] = label < 0 ? 0 : factor * apart;
        const float* row = weight.values + c * inputs;
        for (int64_t k = 0; k < inputs; ++k) slope[static_cast<size_t>(k)] += scores[c] * row[k];
      }
      float* du = call.dx + i * width;
      float* dv = call.dx + (pairs + i) * width;
      const double* by_u = slope.data();
      for (int64_t k = 0; k < width; ++k) {
        const double sign = u[k] > v[k] ? 1 : (u[k] < v[k] ? -1 : 0);
        const double apart = sign * by_u[2 * width + k];
        const double both = product ? by_u[3 * width + k] : 0;
        du[k] = static_cast<float>(by_u[k] + apart + both * v[k]);
        dv[k] = static_cast<float>(by_u[width + k] - apart + both * u[k]);
      }
    }
  });
  const auto add_sums = [&](float* grad, int64_t columns, const auto& value) {
    if (grad == nullptr) return;
    call.run.parallel_ranges(
        classes * columns, 16, 4 * pairs, [&](int64_t begin, int64_t end, int) {
          for (int64_t at = begin; at < end; ++at) {
            double sum = 0;
            for (int64_t i = 0; i < pairs; ++i) {
              sum +=
                  slopes[static_cast<size_t>(i * classes + at / columns)] * value(i, at % columns);
            }
            grad[at] += static_cast<float>(sum);
          }
        });
  };
  add_sums(weight.grad, inputs,
           [&](int64_t i, int64_t k) { return features.data()[i * inputs + k]; });
  add_sums(bias.grad, 1, [](int64_t, int64_t) { return 1.0f; });
  double sum = 0;
  for (const double one : losses) sum += one;
  return call.count == 0 ? 0 : sum / static_cast<double>(call.count);
}

}  // namespace sinter
