// Checks targets by their kind; no loss has a check of its own.
#include "addon/terms_arg.h"

#include <algorithm>
#include <cmath>

namespace sinter {
namespace {

constexpr uint32_t kMaxTerms = 64;
// Beyond this scale the exponentials of a cosine loss leave the range of a double.
constexpr double kMaxScale = 300;

// The sizes that targets are checked against.
struct Extent {
  int64_t rows, width;
  const ValueInfo& output;
  const TokenBatch& batch;
  const Weights& weights;
};

void check_labels(const std::vector<int32_t>& labels, int64_t classes) {
  for (const int32_t label : labels) {
    if (label < -1 || label >= classes) bad_argument("a label is out of range");
  }
}

void check_count(size_t count, int64_t wanted, const char* name) {
  if (static_cast<int64_t>(count) != wanted)
    bad_argument(std::string(name) + " needs " + std::to_string(wanted) + " targets, got " +
                 std::to_string(count));
}

void check_spans(const LossTerm& term, const Extent& extent, const char* name) {
  if (extent.output.kind != ValueKind::token || extent.width != 2)
    bad_argument(std::string(name) + " needs two logits per token");
  check_count(term.labels.size(), 2 * extent.batch.sequences(), name);
  for (size_t i = 0; i < term.labels.size(); ++i) {
    const int32_t* offsets = extent.batch.offsets.data() + i / 2;
    check_labels({term.labels[i]}, offsets[1] - offsets[0]);
  }
}

void check_positives(const LossTerm& term, const Extent& extent, const char* name) {
  const int64_t anchors = static_cast<int64_t>(term.labels.size());
  if (anchors > 0 && anchors >= extent.rows)
    bad_argument(std::string(name) + " needs rows after its anchors");
  check_labels(term.labels, extent.rows - anchors);
}

void check_scores(const LossTerm& term, const Extent& extent, const char* name) {
  check_count(2 * term.values.size(), extent.rows, name);
  for (const float score : term.values) {
    if (!std::isfinite(score)) bad_argument("a score must be finite");
  }
}

void check_margins(const LossTerm& term, const Extent& extent, const char* name) {
  const int64_t count = static_cast<int64_t>(term.values.size());
  const int64_t examples = (extent.rows - count) / 2;
  const bool fits = examples > 0 && count % examples == 0 && extent.rows == 2 * examples + count;
  const bool empty = extent.rows == 0 && count == 0;
  if (!(empty || (fits && count > 0)))
    bad_argument(std::string(name) + " needs a target for each negative of its examples");
  for (const float margin : term.values) {
    if (!std::isfinite(margin)) bad_argument("a margin must be finite");
  }
}

void check_rankings(const LossTerm& term, const Extent& extent, const char* name) {
  const int64_t count = static_cast<int64_t>(term.values.size());
  const int64_t examples = extent.rows - count;
  const bool fits = examples > 0 && count % examples == 0 && count > examples;
  if (!(fits || (extent.rows == 0 && count == 0)))
    bad_argument(std::string(name) + " needs a score of each text but the anchors");
  for (const float score : term.values) {
    if (!std::isfinite(score)) bad_argument("a score must be finite");
  }
}

void check_lists(const LossTerm& term, const Extent& extent, const char* name) {
  if (extent.width != 1) bad_argument(std::string(name) + " needs one score per text");
  check_count(term.values.size(), extent.rows, name);
  int64_t texts = 0;
  for (const int32_t length : term.labels) {
    if (length < 1) bad_argument("a list must have a text");
    texts += length;
  }
  if (texts != extent.rows) bad_argument("the lists must have all texts");
  for (const float relevance : term.values) {
    if (!std::isfinite(relevance)) bad_argument("a relevance must be finite");
  }
}

void check_vectors(const LossTerm& term, const Extent& extent, const char* name) {
  const Relation& relation = term.settings.relation;
  const auto& [heads, first, second, columns, target] = relation;
  if (extent.output.kind != ValueKind::token)
    bad_argument(std::string(name) + " needs an output over tokens");
  if (heads < 1 || columns < 1 || columns % heads != 0 || target < 1 || target % heads != 0)
    bad_argument(std::string(name) + " needs columns that are multiples of its heads");
  if (first + columns > extent.width || second + columns > extent.width)
    bad_argument(std::string(name) + " needs columns inside its output");
  if (first != second && first < second + columns && second < first + columns)
    bad_argument(std::string(name) + " needs ranges of columns that do not overlap");
  check_count(term.values.size(), (first == second ? 1 : 2) * extent.rows * target, name);
}

// A weight of the program that a loss may read, of [rows, columns].
void check_parameter(const Weights& weights, const std::string& name, int64_t rows, int64_t columns,
                     const char* loss) {
  const WeightSpec& spec = weights.spec(name);
  const Pack& pack = weights.at(weights.group_of(name));
  if (!pack.used_as(PackUse::vector) || spec.shape != std::vector<int64_t>{rows, columns})
    bad_argument(std::string(loss) + " needs a parameter " + name + " of " + std::to_string(rows) +
                 " x " + std::to_string(columns));
}

void check_pair_classes(const LossTerm& term, const Extent& extent, const char* name) {
  const auto& [weight, bias, product] = term.settings.classifier;
  check_count(2 * term.labels.size(), extent.rows, name);
  const std::vector<int64_t>& shape = extent.weights.spec(weight).shape;
  const int64_t classes = shape.empty() ? 0 : shape[0];
  check_parameter(extent.weights, weight, classes, (product ? 4 : 3) * extent.width, name);
  check_parameter(extent.weights, bias, 1, classes, name);
  check_labels(term.labels, classes);
}

void check_targets(const LossRow& loss, const LossTerm& term, const Extent& extent) {
  const char* name = loss.name;
  switch (loss.targets) {
    case TargetKind::classes:
      check_count(term.labels.size(), extent.rows, name);
      return check_labels(term.labels, extent.width);
    case TargetKind::values:
      if (loss.unit == LossUnit::text && extent.output.kind != ValueKind::token)
        bad_argument(std::string(name) + " needs an output over tokens");
      return check_count(term.values.size(), extent.rows * extent.width, name);
    case TargetKind::spans:
      return check_spans(term, extent, name);
    case TargetKind::positives:
      return check_positives(term, extent, name);
    case TargetKind::scores:
      return check_scores(term, extent, name);
    case TargetKind::margins:
      return check_margins(term, extent, name);
    case TargetKind::groups:
      return check_count(term.labels.size(), extent.rows, name);
    case TargetKind::rankings:
      return check_rankings(term, extent, name);
    case TargetKind::lists:
      return check_lists(term, extent, name);
    case TargetKind::vectors:
      return check_vectors(term, extent, name);
    case TargetKind::pair_classes:
      return check_pair_classes(term, extent, name);
  }
}

bool has_floats(TargetKind kind) {
  switch (kind) {
    case TargetKind::values:
    case TargetKind::scores:
    case TargetKind::margins:
    case TargetKind::rankings:
    case TargetKind::lists:
    case TargetKind::vectors:
      return true;
    default:
      return false;
  }
}

int loss_named(const std::string& name) {
  for (size_t i = 0; i < loss_table().size(); ++i) {
    if (loss_table()[i].name == name) return static_cast<int>(i);
  }
  bad_argument("unknown loss " + name);
}

// A setting that is a number, and its range.
struct NumberSetting {
  const char* key;
  double LossSettings::* value;
  double low, high;
};

constexpr double kMaxSetting = 1e6, kMinDivisor = 1e-6, kMaxColumns = 1e6;
constexpr NumberSetting kNumberSettings[] = {
    {"labelSmoothing", &LossSettings::label_smoothing, 0, 1},
    {"gamma", &LossSettings::gamma, 0, 100},
    {"alpha", &LossSettings::alpha, 0, 1},
    {"delta", &LossSettings::delta, kMinDivisor, kMaxSetting},
    {"beta", &LossSettings::beta, kMinDivisor, kMaxSetting},
    {"temperature", &LossSettings::temperature, kMinDivisor, kMaxSetting},
    {"sigma", &LossSettings::sigma, kMinDivisor, kMaxSetting},
    {"mu", &LossSettings::mu, 0, kMaxSetting},
    {"k", &LossSettings::k, 0, kMaxSetting},
};

std::vector<float> weights_setting(const Napi::Object& object, const char* key) {
  if (object.Get(key).IsUndefined()) return {};
  std::vector<float> weights = copy_of(floats_field(object, key));
  for (const float weight : weights) {
    if (!(weight >= 0 && std::isfinite(weight)))
      bad_argument(std::string(key) + " must be finite numbers from 0");
  }
  return weights;
}

struct FlagSetting {
  const char* key;
  bool LossSettings::* value;
};
constexpr FlagSetting kFlagSettings[] = {
    {"byPosition", &LossSettings::by_position},
    {"sigmoid", &LossSettings::sigmoid},
    {"dot", &LossSettings::dot},
    {"perDirection", &LossSettings::per_direction},
};

// The place of a name in a list of names.
int place_of(const std::string& name, const std::vector<std::string>& names, const char* what) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) bad_argument(std::string("unknown ") + what + " " + name);
  return static_cast<int>(found - names.begin());
}

int directions_field(const Napi::Object& object) {
  int directions = query_to_doc;
  for (const std::string& name : strings_field(object, "directions")) {
    directions |= 1 << place_of(name, direction_names(), "direction");
  }
  return directions;
}

int64_t column_field(const Napi::Object& object, const char* key) {
  const double value = number_field(object, key);
  if (!(value >= 0 && value <= kMaxColumns && value == std::floor(value)))
    bad_argument(std::string(key) + " is out of range");
  return static_cast<int64_t>(value);
}

Relation relation_field(const Napi::Object& settings) {
  if (settings.Get("relation").IsUndefined()) return {};
  const Napi::Object object = object_field(settings, "relation");
  return {column_field(object, "heads"), column_field(object, "first"),
          column_field(object, "second"), column_field(object, "columns"),
          column_field(object, "targetColumns")};
}

Classifier classifier_field(const Napi::Object& settings) {
  if (settings.Get("classifier").IsUndefined()) return {};
  const Napi::Object object = object_field(settings, "classifier");
  return {string_field(object, "weight"), string_field(object, "bias"),
          bool_field(object, "product")};
}

LossSettings settings_field(const Napi::Object& term) {
  LossSettings settings;
  if (term.Get("settings").IsUndefined()) return settings;
  const Napi::Object object = object_field(term, "settings");
  for (const auto& [key, value, low, high] : kNumberSettings) {
    if (object.Get(key).IsUndefined()) continue;
    const double given = number_field(object, key);
    if (!(given >= low && given <= high)) bad_argument(std::string(key) + " is out of range");
    settings.*value = given;
  }
  for (const auto& [key, value] : kFlagSettings) {
    if (!object.Get(key).IsUndefined()) settings.*value = bool_field(object, key);
  }
  if (!object.Get("weighting").IsUndefined()) {
    const std::string name = string_field(object, "weighting");
    settings.weighting = static_cast<RankWeighting>(place_of(name, weighting_names(), "weighting"));
  }
  if (!object.Get("directions").IsUndefined()) settings.directions = directions_field(object);
  settings.class_weights = weights_setting(object, "classWeights");
  settings.pos_weights = weights_setting(object, "posWeights");
  settings.relation = relation_field(object);
  settings.classifier = classifier_field(object);
  return settings;
}

// The losses index weights by column, so there must be none or as many as columns.
void check_settings(const LossSettings& settings, int64_t width) {
  if (settings.k != std::floor(settings.k)) bad_argument("k must be a whole number");
  for (const auto* weights : {&settings.class_weights, &settings.pos_weights}) {
    if (!weights->empty()) check_count(weights->size(), width, "a weight per column");
  }
}

Distance distance_field(const Napi::Object& object) {
  const std::string name = string_field(object, "distance");
  return static_cast<Distance>(place_of(name, distance_names(), "distance"));
}

LossTerm term_arg(const Napi::Object& object, const Program& program, const TokenBatch& batch) {
  LossTerm term;
  term.loss = loss_named(string_field(object, "kind"));
  term.output = string_field(object, "output");
  term.weight = number_field(object, "weight");
  if (!std::isfinite(term.weight)) bad_argument("weight must be finite");
  const Napi::Value scale = object.Get("scale");
  if (!scale.IsUndefined()) term.scale = number_field(object, "scale");
  if (!(term.scale > 0 && term.scale <= kMaxScale)) bad_argument("scale must be from 0 to 300");
  const Napi::Value margin = object.Get("margin");
  if (!margin.IsUndefined()) term.margin = number_field(object, "margin");
  if (!std::isfinite(term.margin)) bad_argument("margin must be finite");
  if (!object.Get("distance").IsUndefined()) term.distance = distance_field(object);
  const LossRow& row = loss_table()[static_cast<size_t>(term.loss)];
  if (has_floats(row.targets)) {
    term.values = copy_of(floats_field(object, "targets"));
    if (row.targets == TargetKind::lists) term.labels = copy_of(ints_field(object, "lists"));
  } else {
    term.labels = copy_of(ints_field(object, "targets"));
  }
  term.settings = settings_field(object);
  const ValueInfo& output = program.value(program.output(term.output));
  check_settings(term.settings, output.width);
  check_targets(row, term,
                {batch.rows(output.kind), output.width, output, batch, program.weights()});
  if (!object.Get("dimensions").IsUndefined()) {
    const double dimensions = number_field(object, "dimensions");
    if (row.coupling != Coupling::coupled || row.targets == TargetKind::pair_classes)
      bad_argument("dimensions are for coupled losses without weights");
    if (!(dimensions >= 1 && dimensions <= static_cast<double>(output.width)))
      bad_argument("dimensions must be from 1 to the width of the output");
    term.dimensions = static_cast<int64_t>(dimensions);
  }
  return term;
}

}  // namespace

std::vector<LossTerm> terms_arg(const Napi::Array& terms, const Program& program,
                                const TokenBatch& batch) {
  if (terms.Length() == 0 || terms.Length() > kMaxTerms)
    bad_argument("a pass needs 1 to " + std::to_string(kMaxTerms) + " terms");
  std::vector<LossTerm> list;
  for (uint32_t i = 0; i < terms.Length(); ++i) {
    const Napi::Value value = terms.Get(i);
    if (!value.IsObject()) bad_argument("a term must be an object");
    list.push_back(term_arg(value.As<Napi::Object>(), program, batch));
  }
  return list;
}

Napi::Array losses_value(Napi::Env env) {
  Napi::Array list = Napi::Array::New(env);
  for (const LossRow& row : loss_table()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", row.name);
    object.Set("targets", target_kind_name(row.targets));
    object.Set("unit", loss_unit_name(row.unit));
    object.Set("coupled", row.coupling == Coupling::coupled);
    list.Set(list.Length(), object);
  }
  return list;
}

}  // namespace sinter
