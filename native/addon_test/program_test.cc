// program of the test addon: the memory plan and the cutting of batches, as pure functions of JS
// values.
#include <napi.h>

#include <memory>
#include <utility>
#include <vector>

#include "addon_test/families.h"
#include "program/engine.h"

namespace sinter {
namespace {

// An op that has only inputs and outputs.
class ShapeOp : public Op {
 public:
  ShapeOp(std::vector<int> inputs, std::vector<int> outputs, bool alias) : alias_(alias) {
    inputs_ = std::move(inputs);
    outputs_ = std::move(outputs);
  }
  void forward(Run&) const override {}
  void backward(Run&) const override {}
  bool is_alias() const override { return alias_; }

 private:
  bool alias_;
};

std::vector<int> ints_of(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int> list;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    list.push_back(array.Get(i).As<Napi::Number>().Int32Value());
  }
  return list;
}

// Reads values from a list of [kind, width, rows].
std::vector<ValueInfo> values_of(const Napi::Value& value) {
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<ValueInfo> values;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const std::vector<int> shape = ints_of(list.Get(i));
    values.push_back({"", static_cast<ValueKind>(shape.at(0)), shape.at(1), shape.at(2)});
  }
  return values;
}

std::vector<std::unique_ptr<Op>> ops_of(const Napi::Value& value) {
  const Napi::Array list = value.As<Napi::Array>();
  std::vector<std::unique_ptr<Op>> ops;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object op = list.Get(i).As<Napi::Object>();
    ops.push_back(std::make_unique<ShapeOp>(ints_of(op.Get("inputs")), ints_of(op.Get("outputs")),
                                            op.Get("alias").ToBoolean()));
  }
  return ops;
}

Napi::Object plan_value(Napi::Env env, const MemoryPlan& made) {
  Napi::Array offsets = Napi::Array::New(env);
  for (size_t i = 0; i < made.offsets.size(); ++i) {
    offsets.Set(static_cast<uint32_t>(i), static_cast<double>(made.offsets[i]));
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("offsets", offsets);
  Napi::Array widths = Napi::Array::New(env);
  for (size_t room = 0; room < kRooms; ++room)
    widths.Set(static_cast<uint32_t>(room), static_cast<double>(made.widths[room]));
  out.Set("widths", widths);
  return out;
}

// (values, ops: { inputs, outputs, alias }[], toTheEnd: number[]) -> { offsets: number[], widths:
// number[] }, a width for each room
Napi::Value plan(const Napi::CallbackInfo& info) {
  return plan_value(info.Env(), plan_memory(values_of(info[0]), ops_of(info[1]), ints_of(info[2])));
}

// (values, ops, needed: number[] of 0 and 1, losses: number[]) -> { offsets, widths, begins:
// number[][] }
Napi::Value plan_backward(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<uint8_t> needed;
  for (int mark : ints_of(info[2])) needed.push_back(static_cast<uint8_t>(mark));
  const GradientPlan made =
      plan_gradients(values_of(info[0]), ops_of(info[1]), needed, ints_of(info[3]));
  Napi::Object out = plan_value(env, made);
  Napi::Array begins = Napi::Array::New(env);
  for (size_t i = 0; i < made.begins.size(); ++i) {
    Napi::Array list = Napi::Array::New(env);
    for (int value : made.begins[i]) list.Set(list.Length(), static_cast<double>(value));
    begins.Set(static_cast<uint32_t>(i), list);
  }
  out.Set("begins", begins);
  return out;
}

// `selected`: an Int32Array, or null for all tokens.
WholeBatch whole_of(const Napi::Int32Array& offsets, const Napi::Value& selected) {
  WholeBatch whole{static_cast<int64_t>(offsets.ElementLength()) - 1, offsets.Data()};
  if (!selected.IsNull()) {
    const Napi::Int32Array list = selected.As<Napi::Int32Array>();
    whole.selected = list.Data();
    whole.selected_tokens = static_cast<int64_t>(list.ElementLength());
  }
  return whole;
}

// [begin, end, begin, end, ...]
Napi::Value slices_value(Napi::Env env, const std::vector<Slice>& slices) {
  Napi::Array out = Napi::Array::New(env);
  for (const Slice& slice : slices) {
    out.Set(out.Length(), static_cast<double>(slice.begin));
    out.Set(out.Length(), static_cast<double>(slice.end));
  }
  return out;
}

// (offsets: Int32Array, selected: Int32Array | null, budget, mostSelected)
Napi::Value cut(const Napi::CallbackInfo& info) {
  const auto slices =
      cut_batch(whole_of(info[0].As<Napi::Int32Array>(), info[1]),
                info[2].As<Napi::Number>().Int64Value(), info[3].As<Napi::Number>().Int64Value());
  return slices_value(info.Env(), slices);
}

// (offsets: Int32Array, shares)
Napi::Value share(const Napi::CallbackInfo& info) {
  const WholeBatch whole = whole_of(info[0].As<Napi::Int32Array>(), info.Env().Null());
  return slices_value(info.Env(), share_batch(whole, info[1].As<Napi::Number>().Int64Value()));
}

Napi::Int32Array ints_value(Napi::Env env, const int32_t* from, int64_t count) {
  Napi::Int32Array out = Napi::Int32Array::New(env, static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) out[static_cast<size_t>(i)] = from[i];
  return out;
}

// ({ ids, offsets, segments | null, selected | null }, [begin, end][]) -> the micro-batch of each
// slice; all are made in one workspace
Napi::Value micro(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object batch = info[0].As<Napi::Object>();
  const Napi::Int32Array ids = batch.Get("ids").As<Napi::Int32Array>();
  const Napi::Int32Array offsets = batch.Get("offsets").As<Napi::Int32Array>();
  const Napi::Value segments = batch.Get("segments");
  WholeBatch whole = whole_of(offsets, batch.Get("selected"));
  whole.ids = ids.Data();
  if (!segments.IsNull()) whole.segments = segments.As<Napi::Int32Array>().Data();
  const Napi::Array slices = info[1].As<Napi::Array>();
  Workspace workspace;
  Napi::Array out = Napi::Array::New(env);
  for (uint32_t i = 0; i < slices.Length(); ++i) {
    const std::vector<int> slice = ints_of(slices.Get(i));
    const Batch made = make_batch(whole, {slice.at(0), slice.at(1)}, workspace);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("offsets", ints_value(env, made.offsets, made.sequences + 1));
    entry.Set("ids", ints_value(env, made.ids, made.tokens));
    entry.Set("positions", ints_value(env, made.positions, made.tokens));
    entry.Set("segments", ints_value(env, made.segments, made.tokens));
    entry.Set("selected", ints_value(env, made.selected, made.selected_tokens));
    entry.Set("firstSelected", static_cast<double>(made.first_selected));
    entry.Set("firstToken", static_cast<double>(made.first_token));
    entry.Set("firstSequence", static_cast<double>(made.first_sequence));
    entry.Set("longest", static_cast<double>(made.longest));
    out.Set(i, entry);
  }
  return out;
}

}  // namespace

void export_program_test(Napi::Env env, Napi::Object exports) {
  Napi::Object program = Napi::Object::New(env);
  program.Set("plan", Napi::Function::New(env, plan));
  program.Set("planBackward", Napi::Function::New(env, plan_backward));
  program.Set("cut", Napi::Function::New(env, cut));
  program.Set("share", Napi::Function::New(env, share));
  program.Set("micro", Napi::Function::New(env, micro));
  exports.Set("program", program);
}

}  // namespace sinter
