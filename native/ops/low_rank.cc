// Thin products: forward adds one with k = rank to y, backward three that sum over rank or rows.
#include "ops/low_rank.h"

#include "weights/products.h"

namespace sinter {

LowRank::LowRank(const Node& node, Builder& builder, const Pack& weight, int input)
    : input_(input) {
  if (!node.has("adapters")) return;
  const ValueInfo& info = builder.value(input);
  if (node.has("adapterInput"))
    input_ = builder.input_like(node.output, node.text("adapterInput"), info);
  std::vector<std::string> names;
  for (const Fields& adapter : node.objects("adapters")) {
    const auto members = static_cast<int64_t>(weight.members.size());
    const auto member = static_cast<size_t>(adapter.integer("member", 0, members - 1));
    const PackMember& target = weight.members[member];
    names.push_back(adapter.text("a"));
    const int64_t rank = builder.weights().spec(names.back()).rows();
    const int b =
        builder.group(node.output, {adapter.text("b")}, PackUse::matrix, target.spec.rows(), rank);
    terms_.push_back({b, rank, rank_, target.row, target.spec.rows(),
                      static_cast<float>(adapter.number("scale"))});
    groups_.push_back(b);
    rank_ += rank;
  }
  if (terms_.empty()) builder.fail(node.output, "has no adapters");
  a_ = builder.group(node.output, names, PackUse::matrix, rank_, info.width);
  groups_.push_back(a_);
  for (int group : groups_) {
    if (!builder.weights().at(group).storage->is_f32())
      builder.fail(node.output, "adapters must be f32");
  }
}

int LowRank::define(Builder& builder) {
  const bool passes = builder.passes_backward({input_}, groups_);
  for (int group : groups_) {
    if (passes && !builder.weights().at(group).trained) builder.pass_gradients(group);
  }
  return low_ = builder.define_hidden(builder.value(input_), rank_);
}

void LowRank::scale_terms(Run& run, float* low) const {
  const int64_t rows = run.rows(low_);
  for (int64_t row = 0; row < rows; ++row) {
    for (const Term& term : terms_) {
      float* at = low + row * rank_ + term.first;
      for (int64_t i = 0; i < term.rank; ++i) at[i] *= term.scale;
    }
  }
}

void LowRank::forward(Run& run, float* y, int64_t width) const {
  const int64_t rows = run.rows(input_);
  float* low = run.value(low_);
  const Pack& a = run.weights.at(a_);
  a.storage->multiply(run, a, {rows, run.value(input_), nullptr, nullptr, Activation::none, low});
  scale_terms(run, low);
  for (const Term& term : terms_) {
    const Pack& b = run.weights.at(term.b);
    product_f32(run, {rows, term.width, term.rank, low + term.first, rank_, 1,
                      reinterpret_cast<const float*>(b.packed.data()), y + term.column, width,
                      nullptr, Activation::none, /*accumulate=*/true});
  }
}

void LowRank::backward(Run& run, float* dy, int64_t width) const {
  const int64_t rows = run.rows(input_), k = run.width(input_);
  float* low = run.value(low_);
  for (const Term& term : terms_) {
    float* db = run.weight_grad(term.b);
    if (db == nullptr) continue;
    const float* packed = pack_shared(run, rows, term.rank, low + term.first, rank_, 1);
    product_f32(run, {term.width, term.rank, rows, dy + term.column, 1, width, packed, db,
                      term.rank, nullptr, Activation::none, /*accumulate=*/true});
  }
  float* da = run.weight_grad(a_);
  const bool passes = run.needs_grad(input_);
  if (da == nullptr && !passes) return;
  // From here on `low` holds its gradient.
  for (const Term& term : terms_) {
    product_f32(run, {rows, term.rank, term.width, dy + term.column, width, 1,
                      run.weights.at(term.b).packed_backward.data(), low + term.first, rank_,
                      nullptr, Activation::none, /*accumulate=*/false});
  }
  scale_terms(run, low);
  if (da != nullptr) {
    const float* x = pack_shared(run, rows, k, run.value(input_), k, 1);
    product_f32(run, {rank_, k, rows, low, 1, rank_, x, da, k, nullptr, Activation::none,
                      /*accumulate=*/true});
  }
  if (!passes) return;
  product_f32(run, {rows, k, rank_, low, rank_, 1, run.weights.at(a_).packed_backward.data(),
                    run.grad(input_), k, nullptr, Activation::none, /*accumulate=*/true});
}

}  // namespace sinter
