// in_batch_negatives (Henderson et al. 2017, section 4.4): the first rows are anchors, the rows
// after them candidates. Each anchor should be nearest to its positive: cross entropy over scale *
// similarity with every candidate, so the positives of other anchors serve as negatives.
//
// Other directions (as in sentence-transformers) add similarities to the softmax: of the anchor
// with other anchors, of the positive with all anchors, of the positive with the candidates of
// other anchors. Or each direction has a softmax of its own, and the loss is the mean of theirs.
#include <algorithm>
#include <cstring>

#include "train/losses/parts.h"
#include "weights/products.h"

namespace sinter {
namespace {

// The anchors whose scores are in memory together, so that the scores grow with the candidates
// only.
constexpr int64_t kBlock = 512;
// Takes a score out of a softmax.
constexpr float kNever = -1e30f;

// The gradient of similarities [m, n], with strides as in GemmF32Args, and the width of the rows.
struct Similarities {
  int64_t m, n, width;
  const float* values;
  int64_t row, column;
};

// Computes dy [m, width] from the gradient of the similarities and the other rows [n, width].
void pull_back(Run& run, const Similarities& similarities, const float* rows, float* dy,
               bool accumulate) {
  const auto& [m, n, width, values, row, column] = similarities;
  const float* packed = pack_shared(run, n, width, rows, width, 1);
  product_f32(run, {m, width, n, values, row, column, packed, dy, width, nullptr, Activation::none,
                    accumulate});
}

// Rows that similarities are between, with their gradients, which add up.
struct Side {
  const float* rows;
  float* grads;
  int64_t count;
};

// The scores of one direction in a block: columns [first, first + others.count) of the block's
// matrix.
struct Part {
  Direction direction;
  Side own, others;
  int64_t first;
};

class InBatch {
 public:
  explicit InBatch(const LossCall& call)
      : call_(call),
        settings_(call.term.settings),
        labels_(call.term.labels),
        anchors_(static_cast<int64_t>(labels_.size())),
        candidates_(call.rows - anchors_),
        compared_(call, !settings_.dot),
        losses_(labels_.size(), 0.0f) {
    std::fill_n(compared_.grad(0), call.rows * call.width, 0.0f);
    for (const Direction one : {query_to_doc, query_to_query, doc_to_query, doc_to_doc}) {
      if ((settings_.directions & one) != 0) directions_.push_back(one);
    }
    for (const Direction one : directions_) columns_ += others_of(one).count;
  }

  double loss() {
    const int64_t most = std::min(anchors_, kBlock);
    scores_ = AlignedBuffer<float>(most * columns_);
    if (directions_.size() > 1) {
      positives_ = AlignedBuffer<float>(most * call_.width);
      slopes_ = AlignedBuffer<float>(most * call_.width);
    }
    for (int64_t first = 0; first < anchors_; first += kBlock) {
      block(first, std::min(kBlock, anchors_ - first));
    }
    compared_.finish();
    return loss_mean(losses_, call_.count);
  }

 private:
  Side others_of(Direction direction) {
    const bool docs = direction == query_to_doc || direction == doc_to_doc;
    const int64_t from = docs ? anchors_ : 0;
    return {compared_.row(from), compared_.grad(from), docs ? candidates_ : anchors_};
  }

  void block(int64_t first, int64_t count) {
    const int64_t width = call_.width;
    if (directions_.size() > 1) gather_positives(first, count);
    std::vector<Part> parts;
    int64_t column = 0;
    for (const Direction one : directions_) {
      const bool query = one == query_to_doc || one == query_to_query;
      const Side own = query ? Side{compared_.row(first), compared_.grad(first), count}
                             : Side{positives_.data(), slopes_.data(), count};
      parts.push_back({one, own, others_of(one), column});
      column += parts.back().others.count;
    }
    for (const Part& part : parts) {
      const Side& others = part.others;
      const float* packed = pack_shared(call_.run, width, others.count, others.rows, 1, width);
      product_f32(call_.run,
                  {count, others.count, width, part.own.rows, width, 1, packed,
                   scores_.data() + part.first, columns_, nullptr, Activation::none, false});
    }
    score(parts, first, count);
    for (const Part& part : parts) {
      const Side &own = part.own, &others = part.others;
      const float* slopes = scores_.data() + part.first;
      pull_back(call_.run, {count, others.count, width, slopes, columns_, 1}, others.rows,
                own.grads, /*accumulate=*/true);
      pull_back(call_.run, {others.count, count, width, slopes, 1, columns_}, own.rows,
                others.grads, /*accumulate=*/true);
    }
    if (directions_.size() > 1) scatter_slopes(first, count);
  }

  // Turns the similarities of a block into losses and slopes.
  void score(const std::vector<Part>& parts, int64_t first, int64_t count) {
    const float scale = static_cast<float>(call_.term.scale);
    const float shares = settings_.per_direction ? static_cast<float>(parts.size()) : 1.0f;
    const float factor = scale * gradient_share(call_.term.weight, call_.count) / shares;
    call_.run.parallel_ranges(count, 1, 4 * columns_, [&](int64_t begin, int64_t end, int) {
      float* rows = scores_.data() + begin * columns_;
      call_.run.kernels.optimizer.scale((end - begin) * columns_, scale, rows);
      for (int64_t i = begin; i < end; ++i) {
        float* row = scores_.data() + i * columns_;
        const int64_t anchor = first + i;
        const int32_t label = labels_[static_cast<size_t>(anchor)];
        float& loss = losses_[static_cast<size_t>(anchor)];
        if (!settings_.per_direction) {
          for (const Part& part : parts) take_out(part, anchor, row);
          entropy(columns_, row, label, factor, &loss);
          continue;
        }
        for (const Part& part : parts) {
          float own = 0;
          const bool docs = part.direction == query_to_doc;
          const int32_t wanted = docs || label < 0 ? label : static_cast<int32_t>(anchor);
          entropy(part.others.count, row + part.first, wanted, factor, &own);
          loss += own / shares;
        }
      }
    });
  }

  void entropy(int64_t columns, float* row, int32_t label, float factor, float* loss) const {
    call_.run.kernels.softmax.cross_entropy(1, columns, row, &label, factor, loss, row);
  }

  // An anchor does not compete with itself, nor a positive with the texts of its own anchor.
  void take_out(const Part& part, int64_t anchor, float* row) const {
    if (part.direction == query_to_query) row[part.first + anchor] = kNever;
    if (part.direction != doc_to_doc) return;
    const int32_t label = labels_[static_cast<size_t>(anchor)];
    for (int64_t c = label < 0 ? 0 : label % anchors_; c < candidates_; c += anchors_) {
      row[part.first + c] = kNever;
    }
  }

  const float* positive(int64_t anchor) {
    const int32_t label = labels_[static_cast<size_t>(anchor)];
    return compared_.row(anchors_ + std::max(label, 0));
  }

  void gather_positives(int64_t first, int64_t count) {
    const int64_t width = call_.width;
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(positives_.data() + i * width, positive(first + i),
                  static_cast<size_t>(width) * sizeof(float));
    }
    std::fill_n(slopes_.data(), count * width, 0.0f);
  }

  void scatter_slopes(int64_t first, int64_t count) {
    const int64_t width = call_.width;
    for (int64_t i = 0; i < count; ++i) {
      const int32_t label = labels_[static_cast<size_t>(first + i)];
      if (label < 0) continue;
      float* grad = compared_.grad(anchors_ + label);
      for (int64_t k = 0; k < width; ++k) grad[k] += slopes_.data()[i * width + k];
    }
  }

  const LossCall& call_;
  const LossSettings& settings_;
  const std::vector<int32_t>& labels_;
  const int64_t anchors_, candidates_;
  ComparedRows compared_;
  std::vector<Direction> directions_;
  int64_t columns_ = 0;  // of all directions together
  AlignedBuffer<float> scores_, positives_, slopes_;
  std::vector<float> losses_;
};

}  // namespace

double in_batch_negatives_loss(const LossCall& call) {
  if (call.term.labels.empty()) {
    std::fill_n(call.dx, call.rows * call.width, 0.0f);
    return 0;
  }
  return InBatch(call).loss();
}

}  // namespace sinter
