// Building of a program, and the forward and backward passes over its ops.
#include "program/program.h"

#include <cstring>
#include <utility>

namespace sinter {

Program::Program(GraphSpec graph, std::shared_ptr<WeightStore> store, const Trained& trained,
                 OpFactory factory)
    : graph_(std::move(graph)), weights_(std::move(store), graph_.weights, trained) {
  Builder builder(graph_, weights_);
  for (const NodeSpec& node : graph_.nodes) {
    ops_.push_back(factory(node, builder));
    builder.note(*ops_.back());
  }
  for (const OutputSpec& output : graph_.outputs) {
    const int value = builder.input("output " + output.name, output.value);
    if (builder.value(value).kind == ValueKind::table)
      builder.fail(output.name, "a table cannot be an output");
    outputs_.emplace_back(output.name, value);
  }
  values_ = builder.values();
  feature_width_ = builder.feature_width();
  weights_.allocate();
  needs_grad_ = builder.value_needs_grad();
  plan_ = plan_memory(values_, ops_, weights_.trainable() ? read_after_forward() : tables_read());
}

std::vector<int> Program::tables_read() const {
  std::vector<int> list;
  for (const auto& op : ops_) {
    if (makes_table(*op)) continue;
    for (int input : op->inputs()) {
      if (value(input).kind == ValueKind::table) list.push_back(input);
    }
  }
  return list;
}

void Program::seal(Team& team, const Cancel& cancel) {
  if (sealed()) throw Error(ErrorCode::INTERNAL, "a program is sealed once");
  weights_.seal(team, cancel);
  if (!weights_.trainable()) compute_tables(team, cancel);
  sealed_.store(true, std::memory_order_release);
}

void Program::compute_tables(Team& team, const Cancel& cancel) {
  const int64_t floats = plan_.widths[static_cast<size_t>(Room::tables)];
  if (floats == 0) return;
  const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
  WeightBlock block = WeightPages(bytes).take(bytes);
  Workspace workspace;
  const Batch no_texts;
  Run run(no_texts, weights_, values_, plan_, reinterpret_cast<float*>(block.get()), workspace,
          &team);
  for (const auto& op : ops_) {
    if (!makes_table(*op)) continue;
    cancel.check();
    op->forward(run);
  }
  constexpr int kTables = -1;  // no form of weights
  tables_ = share_block(std::move(block), {floats, 1, bytes, kTables}, team);
}

int64_t Program::resident_bytes() const {
  const int64_t floats = plan_.widths[static_cast<size_t>(Room::tables)];
  const int64_t tables = sealed() && tables_ != nullptr ? floats : 0;
  return weights_.resident_bytes() + tables * static_cast<int64_t>(sizeof(float));
}

std::vector<int> Program::read_after_forward() const {
  std::vector<int> list;
  for (const auto& [name, value] : outputs_) list.push_back(value);
  for (const auto& op : ops_) {
    if (needs_grad_[static_cast<size_t>(op->outputs()[0])] == 0) continue;
    list.insert(list.end(), op->kept().begin(), op->kept().end());
  }
  return list;
}

int Program::output(const std::string& name) const {
  for (const auto& [known, value] : outputs_) {
    if (known == name) return value;
  }
  throw Error(ErrorCode::INTERNAL, "the graph has no output " + name);
}

std::vector<uint8_t> Program::needed_ops(const std::vector<int>& values) const {
  std::vector<uint8_t> wanted(values_.size(), 0), needed(ops_.size(), 0);
  for (int value : values) wanted[static_cast<size_t>(value)] = 1;
  for (size_t i = ops_.size(); i-- > 0;) {
    if (tables_ != nullptr && makes_table(*ops_[i])) continue;
    for (int output : ops_[i]->outputs()) needed[i] |= wanted[static_cast<size_t>(output)];
    if (needed[i] == 0) continue;
    for (int input : ops_[i]->inputs()) wanted[static_cast<size_t>(input)] = 1;
  }
  return needed;
}

WholeBatch Program::without_unused(WholeBatch batch, const std::vector<uint8_t>& needed) const {
  for (size_t i = 0; i < ops_.size(); ++i) {
    if (needed[i] != 0 && value(ops_[i]->outputs()[0]).kind == ValueKind::selected) return batch;
  }
  batch.selected_tokens = 0;
  return batch;
}

void Program::forward(Run& run, const std::vector<uint8_t>& needed,
                      const std::vector<OutputTarget>& targets, const Cancel& cancel) const {
  for (size_t i = 0; i < ops_.size(); ++i) {
    if (needed[i] == 0) continue;
    run.let_pass();
    cancel.check();
    const int made = ops_[i]->outputs()[0];
    ops_[i]->forward(run);
    for (const OutputTarget& target : targets) {
      if (target.value != made) continue;
      if (run.elements(made) == 0) continue;
      std::memcpy(target.data + run.first_row(made) * run.width(made), run.value(made),
                  static_cast<size_t>(run.elements(made)) * sizeof(float));
    }
  }
}

void Program::backward(Run& run, const std::vector<uint8_t>& needed, const Cancel& cancel) const {
  for (size_t i = ops_.size(); i-- > 0;) {
    if (needed[i] == 0 || needs_grad_[static_cast<size_t>(ops_[i]->outputs()[0])] == 0) continue;
    run.let_pass();
    cancel.check();
    run.begun = &run.gradient_plan->begins[i];
    for (int value : *run.begun) {
      if (!ops_[i]->writes_first(value)) run.clear_grad(value);
    }
    ops_[i]->backward(run);
  }
}

}  // namespace sinter
