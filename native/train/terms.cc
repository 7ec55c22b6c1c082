// Counts the divisors of losses, and runs the passes over the terms.
#include "train/terms.h"

#include <algorithm>
#include <cstring>

namespace sinter {
namespace {

// The number of labels >= 0 at `first`, first + step, first + 2 step ...
int64_t count_labelled(const std::vector<int32_t>& labels, size_t first, size_t step) {
  int64_t count = 0;
  for (size_t i = first; i < labels.size(); i += step) count += labels[i] >= 0 ? 1 : 0;
  return count;
}

// What the mean of a loss over floats runs over.
int64_t rows_counted(LossUnit unit, int64_t rows, int64_t width, int64_t texts) {
  if (unit == LossUnit::text) return texts;
  return unit == LossUnit::element ? rows * width : rows;
}

}  // namespace

BatchTerms::BatchTerms(const std::vector<LossTerm>& terms, const Program& program,
                       const WholeBatch& batch)
    : terms_(terms), wholes_(terms.size()), losses_(terms.size(), 0.0) {
  for (size_t i = 0; i < terms.size(); ++i) {
    outputs_.push_back(program.output(terms[i].output));
    const ValueInfo& output = program.value(outputs_[i]);
    Whole& whole = wholes_[i];
    whole.rows = batch.rows(output.kind);
    whole.width = output.width;
    const TargetKind targets = row(i).targets;
    if (targets == TargetKind::values || targets == TargetKind::vectors) {
      whole.count = rows_counted(row(i).unit, whole.rows, whole.width, batch.sequences);
    } else if (targets == TargetKind::spans) {
      whole.count = count_labelled(terms[i].labels, 0, 2);
      whole.ends_count = count_labelled(terms[i].labels, 1, 2);
    } else {  // a loss over scores, margins or groups counts its targets itself
      whole.count = count_labelled(terms[i].labels, 0, 1);
    }
    if (targets == TargetKind::pair_classes) {
      const Classifier& classifier = terms[i].settings.classifier;
      for (const std::string& name : {classifier.weight, classifier.bias})
        weight_groups_.push_back(program.weights().group_of(name));
    }
    if (!is_coupled(i)) continue;
    coupled_ = true;
    whole.output.resize(static_cast<size_t>(whole.rows * whole.width));
    whole.gradient.resize(whole.output.size());
  }
}

const LossRow& BatchTerms::row(size_t term) const {
  return loss_table()[static_cast<size_t>(terms_[term].loss)];
}

void BatchTerms::keep(Run& run) {
  for (size_t i = 0; i < terms_.size(); ++i) {
    const int64_t elements = run.elements(outputs_[i]);
    if (!is_coupled(i) || elements == 0) continue;
    const int64_t at = run.first_row(outputs_[i]) * wholes_[i].width;
    std::memcpy(wholes_[i].output.data() + at, run.value(outputs_[i]),
                static_cast<size_t>(elements) * sizeof(float));
  }
}

void BatchTerms::couple(Run& run) {
  for (size_t i = 0; i < terms_.size(); ++i) {
    if (!is_coupled(i)) continue;
    Whole& whole = wholes_[i];
    if (terms_[i].dimensions > 0) {
      losses_[i] = couple_part(run, i);
      continue;
    }
    losses_[i] = row(i).compute({run, terms_[i], whole.rows, whole.width, 0, whole.output.data(),
                                 whole.gradient.data(), whole.count, whole.ends_count});
  }
}

double BatchTerms::couple_part(Run& run, size_t term) {
  Whole& whole = wholes_[term];
  const int64_t rows = whole.rows, width = whole.width, part = terms_[term].dimensions;
  AlignedBuffer<float> raw(rows * part), unit(rows * part), slopes(rows * part);
  const size_t bytes = static_cast<size_t>(part) * sizeof(float);
  for (int64_t i = 0; i < rows; ++i) {
    std::memcpy(raw.data() + i * part, whole.output.data() + i * width, bytes);
  }
  run.parallel_ranges(rows, 8, part, [&](int64_t begin, int64_t end, int) {
    const int64_t at = begin * part;
    run.kernels.pool.normalize_forward(end - begin, part, raw.data() + at, unit.data() + at);
  });
  const double loss = row(term).compute({run, terms_[term], rows, part, 0, unit.data(),
                                         slopes.data(), whole.count, whole.ends_count});
  run.parallel_ranges(rows, 8, part, [&](int64_t begin, int64_t end, int) {
    const int64_t at = begin * part;
    run.kernels.pool.normalize_backward(end - begin, part, raw.data() + at, slopes.data() + at,
                                        unit.data() + at);
  });
  std::fill(whole.gradient.begin(), whole.gradient.end(), 0.0f);
  for (int64_t i = 0; i < rows; ++i) {
    std::memcpy(whole.gradient.data() + i * width, unit.data() + i * part, bytes);
  }
  return loss;
}

void BatchTerms::fill(Run& run, size_t term, float* dx) {
  const int output = outputs_[term];
  const Whole& whole = wholes_[term];
  if (is_coupled(term)) {
    std::memcpy(dx, whole.gradient.data() + run.first_row(output) * whole.width,
                static_cast<size_t>(run.elements(output)) * sizeof(float));
    return;
  }
  losses_[term] +=
      row(term).compute({run, terms_[term], run.rows(output), whole.width, run.first_row(output),
                         run.value(output), dx, whole.count, whole.ends_count});
}

void BatchTerms::backward(Run& run) {
  std::vector<const float*> filled;  // two outputs may name one value
  for (size_t i = 0; i < terms_.size(); ++i) {
    const int64_t elements = run.elements(outputs_[i]);
    if (elements == 0) continue;
    float* dx = run.grad(outputs_[i]);
    if (std::find(filled.begin(), filled.end(), dx) == filled.end()) {
      filled.push_back(dx);
      fill(run, i, dx);
      continue;
    }
    float* second = second_.reserve(elements);
    fill(run, i, second);
    run.parallel_ranges(elements, 1024, 1, [&](int64_t begin, int64_t end, int) {
      run.kernels.reduce.add(end - begin, second + begin, dx + begin, dx + begin);
    });
  }
}

double BatchTerms::loss() const {
  double sum = 0;
  for (size_t i = 0; i < terms_.size(); ++i) sum += terms_[i].weight * losses_[i];
  return sum;
}

}  // namespace sinter
