// attention: softmax attention inside each sequence. Query, key and value lie side by side in the
// input. A task is one head of one sequence. Where terms of the distance are learned, a task is one
// head of a piece of about 1000 tokens: the piece shares the terms of the head and has its own sum
// of gradients, so that the order of all sums depends on the batch alone. Backward recomputes the
// probabilities.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ops/attention_positions.h"
#include "ops/dropout_key.h"
#include "ops/factory.h"
#include "program/limits.h"
#include "program/run.h"

namespace sinter {
namespace {

class AttentionOp : public Op {
 public:
  AttentionOp(const Node& node, Builder& builder)
      : heads_(node.integer("heads", 1, kMaxHeads)),
        head_dim_(node.integer("headDim", 1, kMaxHeads)),
        scale_(static_cast<float>(node.number("scale"))),
        probability_(static_cast<float>(node.number("dropout"))) {
    if (!(probability_ >= 0 && probability_ < 1))
      builder.fail(node.output, "probability must be in [0, 1)");
    const int input = builder.input(node.output, node.text("input"), ValueKind::token);
    const int64_t width = heads_ * head_dim_;
    if (builder.value(input).width != 3 * width) {
      builder.fail(node.output, "input must be " + std::to_string(3 * width) + " wide, got " +
                                    std::to_string(builder.value(input).width));
    }
    inputs_.push_back(input);
    positions_.emplace(node, HeadSizes{heads_, head_dim_, scale_}, builder, inputs_, groups_);
    outputs_.push_back(builder.define(node.output, ValueKind::token, width));
    kept_ = inputs_;
  }

  void forward(Run& run) const override {
    const Pieces pieces = cut(run, 0, 0);
    const auto rotary = positions_->rotary_table(run.batch.longest);
    run.parallel(pieces.count * heads_, work(run), [&](int64_t task, int lane) {
      const int64_t piece = task / heads_, head = task % heads_;
      Desk desk = lay_out(run, lane, head, rotary.get(), /*backward=*/false);
      for (int64_t s = pieces.begin(piece); s < pieces.begin(piece + 1); ++s)
        forward_one(run, locate(run, s, head), desk);
    });
  }

  bool writes_first(int input) const override { return input == inputs_[0]; }

  void backward(Run& run) const override {
    const int64_t longest = run.batch.longest;
    const bool learned = positions_->learned();
    const int64_t size = learned ? positions_->gradient_floats(longest) : 0;
    const Pieces pieces = cut(run, size, run.begins(inputs_[0]) ? 0 : run.elements(inputs_[0]));
    float* dqkv = pieces.own == nullptr ? run.grad(inputs_[0]) : pieces.own;
    const auto rotary = positions_->rotary_table(longest);
    const auto sums = [&](int64_t task) { return pieces.gradients + task * size; };
    run.parallel(pieces.count * heads_, work(run), [&](int64_t task, int lane) {
      const int64_t piece = task / heads_, head = task % heads_;
      Desk desk = lay_out(run, lane, head, rotary.get(), /*backward=*/true);
      if (learned) {
        std::fill_n(sums(task), size, 0.0f);
        desk.gradients = positions_->gradients(longest, sums(task));
      }
      for (int64_t s = pieces.begin(piece); s < pieces.begin(piece + 1); ++s)
        backward_one(run, locate(run, s, head), desk, dqkv);
    });
    if (pieces.own != nullptr) add_own(run, pieces.own);
    if (!learned) return;
    run.parallel(heads_, pieces.count * heads_ * size, [&](int64_t head, int) {
      for (int64_t piece = 0; piece < pieces.count; ++piece) {
        const RelativeGradients from = positions_->gradients(longest, sums(piece * heads_ + head));
        positions_->fold(run, longest, head, from);
      }
    });
  }

 private:
  struct Place {
    int64_t sequence, head, token, length;
  };

  static Place locate(const Run& run, int64_t sequence, int64_t head) {
    const int32_t* offsets = run.batch.offsets + sequence;
    return {sequence, head, offsets[0], offsets[1] - offsets[0]};
  }

  // How sequences are grouped into pieces: piece i holds sequences [begin(i), begin(i + 1)).
  struct Pieces {
    int64_t count = 0;
    const int64_t* begins = nullptr;  // nullptr: one sequence per piece
    float* gradients = nullptr;
    float* own = nullptr;  // gradient of query, key and value before it is added
    int64_t begin(int64_t piece) const { return begins == nullptr ? piece : begins[piece]; }
  };

  // Cuts the batch into pieces, and takes scratch: `floats` of gradients for each piece and head,
  // and `own` floats.
  Pieces cut(Run& run, int64_t floats, int64_t own) const {
    const Batch& batch = run.batch;
    const auto walk = [&](int64_t* begins) {
      int64_t count = 0;
      for (int64_t s = 0, first = 0; s < batch.sequences; ++s) {
        if (s == 0 || batch.offsets[s + 1] - first > kPieceTokens) {
          if (begins != nullptr) begins[count] = s;
          first = batch.offsets[s];
          ++count;
        }
      }
      if (begins != nullptr) begins[count] = batch.sequences;
      return count;
    };
    const bool learned = positions_->learned();
    if (!learned && own == 0) return {batch.sequences, nullptr, nullptr, nullptr};
    const int64_t count = learned ? walk(nullptr) : batch.sequences;
    const int64_t list = learned ? (count + 8) / 8 * 8 : 0;
    const int64_t sums = learned ? (count * heads_ * floats + 15) / 16 * 16 : 0;
    uint8_t* scratch = run.shared_scratch(list * 8 + (sums + own) * 4);
    int64_t* begins = learned ? reinterpret_cast<int64_t*>(scratch) : nullptr;
    float* gradients = reinterpret_cast<float*>(scratch + list * 8);
    if (learned) walk(begins);
    return {count, begins, gradients, own == 0 ? nullptr : gradients + sums};
  }

  // The memory of a task: the terms of its head, and scratch for texts up to the longest.
  struct Desk {
    const RotaryTable* rotary;
    RelativeTerms terms;
    RelativeGradients gradients;
    float *q, *k, *dq, *dk;  // [longest, head_dim], with rotation only
    float* scratch;
  };

  Desk lay_out(Run& run, int lane, int64_t head, const RotaryTable* rotary, bool backward) const {
    const int64_t longest = run.batch.longest;
    const auto whole = [](int64_t n) { return (n + 15) / 16 * 16; };
    const int64_t terms = whole(positions_->term_floats(longest, backward));
    const int64_t rows = rotary == nullptr ? 0 : whole(longest * head_dim_);
    const int64_t work = positions_->kernel_floats(run.kernels.attention, longest, backward);
    float* at = run.lane_scratch<float>(lane, terms + 4 * rows + work);
    Desk desk = {};
    desk.rotary = rotary;
    desk.terms = positions_->terms(run, longest, head, backward, at);
    desk.q = at + terms;
    desk.k = desk.q + rows;
    desk.dq = desk.k + rows;
    desk.dk = desk.dq + rows;
    desk.scratch = desk.dk + rows;
    return desk;
  }

  // The query, key and value of a head; query and key are rotated first where the node asks for it.
  struct Heads {
    const float *q, *k, *v;
    AttentionShape shape;
  };

  Heads heads(Run& run, const Place& place, const Desk& desk) const {
    const int64_t width = heads_ * head_dim_, row = 3 * width;
    const float* q = run.value(inputs_[0]) + place.token * row + place.head * head_dim_;
    Heads heads = {q, q + width, q + 2 * width, {place.length, head_dim_, row, row, width, scale_}};
    if (desk.rotary == nullptr) return heads;
    const Rotation rotation = positions_->rotation(*desk.rotary, place.length, false);
    run.kernels.attention.rotate(rotation, q, row, desk.q, head_dim_);
    run.kernels.attention.rotate(rotation, q + width, row, desk.k, head_dim_);
    heads.q = desk.q;
    heads.k = desk.k;
    heads.shape.qk_row = head_dim_;
    return heads;
  }

  void forward_one(Run& run, const Place& place, const Desk& desk) const {
    const auto& kernels = run.kernels.attention;
    const Heads in = heads(run, place, desk);
    float* o = run.value(outputs_[0]) + place.token * heads_ * head_dim_ + place.head * head_dim_;
    if (positions_->relative(place.length, /*backward=*/false)) {
      kernels.relative_forward(in.shape, desk.terms, dropout(run, place), in.q, in.k, in.v, o,
                               desk.scratch);
    } else {
      kernels.forward(in.shape, dropout(run, place), in.q, in.k, in.v, o, desk.scratch);
    }
  }

  // Writes the gradient of query, key and value of one sequence and head into `all`, that of all
  // tokens.
  void backward_one(Run& run, const Place& place, const Desk& desk, float* all) const {
    const auto& kernels = run.kernels.attention;
    const Heads in = heads(run, place, desk);
    const int64_t width = heads_ * head_dim_, row = 3 * width;
    const float* d_o = run.grad(outputs_[0]) + place.token * width + place.head * head_dim_;
    float* dqkv = all + place.token * row + place.head * head_dim_;
    float* dq = desk.rotary == nullptr ? dqkv : desk.dq;
    float* dk = desk.rotary == nullptr ? dqkv + width : desk.dk;
    if (positions_->relative(place.length, /*backward=*/true)) {
      kernels.relative_backward(in.shape, desk.terms, dropout(run, place), in.q, in.k, in.v, d_o,
                                dq, dk, dqkv + 2 * width, desk.gradients, desk.scratch);
    } else {
      kernels.backward(in.shape, dropout(run, place), in.q, in.k, in.v, d_o, dq, dk,
                       dqkv + 2 * width, desk.scratch);
    }
    if (desk.rotary == nullptr) return;
    const Rotation back = positions_->rotation(*desk.rotary, place.length, true);
    kernels.rotate(back, dq, head_dim_, dqkv, row);
    kernels.rotate(back, dk, head_dim_, dqkv + width, row);
  }

  // Adds `own` to the gradient of the input, to which other ops that read it have added.
  void add_own(Run& run, const float* own) const {
    float* dx = run.grad(inputs_[0]);
    run.parallel_ranges(run.elements(inputs_[0]), 1024, 1, [&](int64_t begin, int64_t end, int) {
      run.kernels.reduce.add(end - begin, own + begin, dx + begin, dx + begin);
    });
  }

  // Multiply-adds of both products of attention: an upper bound, nearly exact for texts of one
  // length.
  int64_t work(const Run& run) const {
    return 2 * run.batch.tokens * run.batch.longest * heads_ * head_dim_;
  }

  AttentionDropout dropout(const Run& run, const Place& place) const {
    if (!run.dropout || probability_ <= 0) return {0, 0, 0, 1.0f};
    const uint64_t index =
        static_cast<uint64_t>((run.batch.first_sequence + place.sequence) * heads_ + place.head);
    return {dropout_key(run.dropout_key, outputs_[0]), index << 32, dropout_threshold(probability_),
            dropout_keep_scale(probability_)};
  }

  // The most tokens of a piece (a longer sequence is a piece of its own): enough to share the work
  // on terms and sums, few enough to keep many lanes busy.
  static constexpr int64_t kPieceTokens = 1024;

  int64_t heads_, head_dim_;
  float scale_, probability_;
  std::optional<AttentionPositions> positions_;
};

}  // namespace

std::unique_ptr<Op> make_attention(const Node& node, Builder& builder) {
  return std::make_unique<AttentionOp>(node, builder);
}

}  // namespace sinter
