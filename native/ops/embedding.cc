// embedding: the sum of one row from each table. Indices are the token ids, the positions, the
// segments, or one row for all tokens. The addon has checked ids and segments against the tables;
// positions and that row are bounded here.
#include "kernels/embedding/embedding.h"

#include <algorithm>

#include "ops/factory.h"
#include "program/limits.h"
#include "program/run.h"

namespace sinter {
namespace {

enum class TableIndex { token, position, segment, row };
constexpr Choices<TableIndex, 4> kIndices = {{{"token", TableIndex::token},
                                              {"position", TableIndex::position},
                                              {"segment", TableIndex::segment},
                                              {"row", TableIndex::row}}};

class EmbeddingOp : public Op {
 public:
  EmbeddingOp(const Node& node, Builder& builder) {
    const std::vector<Fields> tables = node.objects("tables");
    if (tables.empty() || tables.size() > kMaxTables)
      builder.fail(node.output, "needs 1 to 4 tables");
    for (const Fields& fields : tables) {
      Table table = {fields.choice("index", kIndices), fields.integer("offset", 0, kMaxOffset), -1};
      const bool shifted = table.index == TableIndex::position && table.offset != 0;
      if (shifted || table.index == TableIndex::row) table.own_index = own_indices_++;
      tables_.push_back(table);
      add_group(node, fields.text("weight"), builder);
    }
    const int64_t width = builder.weights().at(groups_[0]).width;
    outputs_.push_back(builder.define(node.output, ValueKind::token, width));
  }

  // A table that is also read by position has gradients in rows that are no token ids of the batch.
  bool reads_token_rows(size_t group) const override {
    for (size_t i = 0; i < tables_.size(); ++i) {
      if (groups_[i] == groups_[group] && tables_[i].index != TableIndex::token) return false;
    }
    return true;
  }

  void forward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    float* y = run.value(outputs_[0]);
    const int32_t* made = make_indices(run);
    const int64_t most = run.batch.tokens > 0 && reads_all(run) ? run.batch.tokens : kWidenedTokens;
    run.parallel_ranges(run.batch.tokens, 16, width, [&](int64_t begin, int64_t end, int lane) {
      for (; begin < end; begin += most) {
        const int64_t tokens = std::min(most, end - begin);
        EmbeddingTable tables[kMaxTables];
        find_tables(run, begin, tokens, made, lane, tables);
        run.kernels.embedding.forward(tokens, width, tables, static_cast<int32_t>(tables_.size()),
                                      y + begin * width);
      }
    });
  }

  void backward(Run& run) const override {
    const int64_t width = run.width(outputs_[0]);
    const float* dy = run.grad(outputs_[0]);
    const int32_t* made = make_indices(run);
    for (size_t i = 0; i < tables_.size(); ++i) {
      if (run.weight_grad(groups_[i]) == nullptr) continue;
      // Split by columns, so that the sum of a row runs over the tokens in order, whatever the
      // number of lanes.
      run.parallel_ranges(width, 16, run.batch.tokens, [&](int64_t begin, int64_t end, int) {
        run.kernels.embedding.backward(run.batch.tokens, width, begin, end, index(run, i, made), dy,
                                       run.weight_grad(groups_[i]));
      });
    }
  }

 private:
  struct Table {
    TableIndex index;
    int64_t offset;
    // Which of the lists that this operation makes is its index; -1: one of the batch's.
    int64_t own_index;
  };

  // Tokens whose rows are widened at a time, for a storage that the kernels cannot read.
  static constexpr int64_t kWidenedTokens = 64;

  bool reads_all(const Run& run) const {
    return std::all_of(groups_.begin(), groups_.end(), [&](int group) {
      const Pack& pack = run.weights.at(group);
      EmbeddingTable table = {};
      return pack.storage->find_table(pack, table);
    });
  }

  // The tables for `tokens` tokens from `begin` on: as they are stored where the kernels can read
  // that, else as widened rows in scratch of the lane.
  void find_tables(Run& run, int64_t begin, int64_t tokens, const int32_t* made, int lane,
                   EmbeddingTable* tables) const {
    const int64_t width = run.width(outputs_[0]);
    const int64_t each = kWidenedTokens * width, count = static_cast<int64_t>(tables_.size());
    float* widened = nullptr;
    for (int64_t i = 0; i < count; ++i) {
      const Pack& pack = run.weights.at(groups_[static_cast<size_t>(i)]);
      const int32_t* rows = index(run, static_cast<size_t>(i), made) + begin;
      tables[i] = {};
      tables[i].index = rows;
      if (pack.storage->find_table(pack, tables[i])) continue;
      if (widened == nullptr)
        widened = run.lane_scratch<float>(lane, count * each + kWidenedTokens);
      int32_t* order = reinterpret_cast<int32_t*>(widened + count * each);
      float* to = widened + i * each;
      for (int64_t t = 0; t < tokens; ++t) {
        pack.read(rows[t], int64_t{rows[t]} + 1, to + t * width);
        order[t] = static_cast<int32_t>(t);
      }
      tables[i].f32 = to;
      tables[i].index = order;
    }
  }

  // Adds the group of the weight of the table added last.
  void add_group(const Node& node, const std::string& weight, Builder& builder) {
    const std::vector<int64_t>& shape = builder.weights().spec(weight).shape;
    if (shape.size() != 2) builder.fail(node.output, "table " + weight + " must have 2 axes");
    check_rows(node, weight, shape[0], builder);
    const int64_t width = groups_.empty() ? shape[1] : builder.weights().at(groups_[0]).width;
    groups_.push_back(builder.group(node.output, {weight}, PackUse::table, shape[0], width));
  }

  void check_rows(const Node& node, const std::string& weight, int64_t rows,
                  const Builder& builder) const {
    const GraphSpec& graph = builder.graph();
    const Table& table = tables_.back();
    int64_t needed = graph.max_tokens + table.offset;
    if (table.index == TableIndex::token) needed = graph.vocabulary;
    if (table.index == TableIndex::segment) needed = graph.segments;
    if (table.index == TableIndex::row) needed = table.offset + 1;
    if (rows < needed) {
      builder.fail(node.output, "table " + weight + " needs " + std::to_string(needed) +
                                    " rows, got " + std::to_string(rows));
    }
  }

  // The indices that the batch does not hold, one list of all tokens per table that needs one.
  int32_t* make_indices(Run& run) const {
    if (own_indices_ == 0) return nullptr;
    const int64_t tokens = run.batch.tokens;
    const int64_t bytes = own_indices_ * tokens * static_cast<int64_t>(sizeof(int32_t));
    int32_t* made = reinterpret_cast<int32_t*>(run.shared_scratch(bytes));
    for (const Table& table : tables_) {
      if (table.own_index < 0) continue;
      const int32_t offset = static_cast<int32_t>(table.offset);
      const bool counts = table.index == TableIndex::position;
      int32_t* list = made + table.own_index * tokens;
      for (int64_t t = 0; t < tokens; ++t) list[t] = offset + (counts ? run.batch.positions[t] : 0);
    }
    return made;
  }

  const int32_t* index(const Run& run, size_t i, const int32_t* made) const {
    const Table& table = tables_[i];
    if (table.own_index >= 0) return made + table.own_index * run.batch.tokens;
    if (table.index == TableIndex::token) return run.batch.ids;
    return table.index == TableIndex::segment ? run.batch.segments : run.batch.positions;
  }

  std::vector<Table> tables_;
  int64_t own_indices_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_embedding(const Node& node, Builder& builder) {
  return std::make_unique<EmbeddingOp>(node, builder);
}

}  // namespace sinter
