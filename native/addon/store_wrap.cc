// Stores: made from a list of weights, filled or derived, read in pieces.
#include "addon/store_wrap.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "base/half.h"

namespace sinter {
namespace {

// Marks stores of this environment: programs of another copy of the addon run on another engine.
napi_type_tag store_tag(Napi::Env env) {
  return {0x53696E7465725374ull,
          static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&Environment::of(env)))};
}

// Writes elements of 1, 2 or 4 bytes, widened in pieces on the stack.
void write_values(Pack& home, size_t member, int64_t offset, const std::string& dtype,
                  const uint8_t* bytes, int64_t size) {
  if (dtype == "s8") {
    home.write_codes(member, offset, reinterpret_cast<const int8_t*>(bytes), size);
    return;
  }
  if (dtype == "f16" && size % 2 == 0 && home.dtype == WeightDtype::f16) {
    home.write_halves(member, offset, bytes, size / 2);
    return;
  }
  const int64_t width = dtype == "f32" ? 4 : 2;
  if ((dtype != "f32" && dtype != "f16" && dtype != "bf16") || size % width != 0) {
    bad_argument("weight " + home.members[member].spec.name + ": " + std::to_string(size) +
                 " bytes are no whole elements of " + dtype);
  }
  constexpr int64_t kPiece = 4096;
  alignas(64) float piece[kPiece];
  const int64_t count = size / width;
  int64_t done = 0;
  do {  // once at least: an empty write is checked too
    const int64_t n = std::min(kPiece, count - done);
    const uint8_t* from = bytes + done * width;
    if (dtype == "f16") {
      widen_f16(n, from, piece);
    } else if (dtype == "bf16") {
      widen_bf16(n, from, piece);
    } else if (n > 0) {
      std::memcpy(piece, from, static_cast<size_t>(n) * 4);
    }
    home.write(member, offset + done, piece, n);
    done += n;
  } while (done < count);
}

// Where a weight comes from: `from: { store, name, divisor? }`.
WeightSource source_arg(const Napi::Object& object, const std::string& name) {
  const Napi::Object from = object_field(object, "from");
  const Napi::Value divisor = from.Get("divisor");
  WeightSource source;
  if (!divisor.IsUndefined()) source.divisor = copy_of(floats_field(from, "divisor"));
  const std::string theirs = string_field(from, "name");
  const StoreWrap& wrap = StoreWrap::unwrap(object.Env(), from.Get("store"));
  if (*wrap.packing()) bad_argument("weight " + name + " comes from a store that packs");
  source.weight = wrap.store()->ready_at(theirs);
  return source;
}

std::vector<WeightStore::Entry> entries_arg(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsArray()) bad_argument("weights must be an array");
  const Napi::Array list = info[0].As<Napi::Array>();
  std::vector<WeightStore::Entry> entries;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Value value = list.Get(i);
    if (!value.IsObject()) bad_argument("a weight must be an object");
    const Napi::Object object = value.As<Napi::Object>();
    WeightStore::Entry entry;
    entry.spec = weight_spec_arg(object);
    if (!object.Get("from").IsUndefined()) entry.source = source_arg(object, entry.spec.name);
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Rows of a weight that a read asks for: arguments 1 and 2, all of them when they are left out.
struct RowsArg {
  RowsArg(const Napi::CallbackInfo& info, const Weight& weight) {
    const int64_t rows = weight.spec.rows();
    begin = bound(info, 1, 0);
    end = bound(info, 2, rows);
    if (begin < 0 || begin > end || end > rows)
      bad_argument("weight " + weight.spec.name + " has " + std::to_string(rows) + " rows");
    count = static_cast<size_t>(end - begin);
    elements = count * static_cast<size_t>(weight.spec.width());
    begin += weight.first_row();
    end += weight.first_row();
  }
  int64_t begin, end;  // in the pack
  size_t count, elements;

 private:
  static int64_t bound(const Napi::CallbackInfo& info, size_t index, int64_t otherwise) {
    if (info.Length() <= index || info[index].IsUndefined()) return otherwise;
    if (!info[index].IsNumber()) bad_argument("a row must be a number");
    const double row = info[index].As<Napi::Number>().DoubleValue();
    if (!(std::fabs(row) <= 0x1p53) || row != std::floor(row)) bad_argument("a row must be whole");
    return static_cast<int64_t>(row);
  }
};

}  // namespace

Napi::Function StoreWrap::define(Napi::Env env) {
  return DefineClass(env, "Store",
                     {InstanceMethod("writeWeight", &StoreWrap::write_weight),
                      InstanceMethod("writeScales", &StoreWrap::write_scales),
                      InstanceMethod("pack", &StoreWrap::pack),
                      InstanceMethod("readWeight", &StoreWrap::read_weight),
                      InstanceMethod("readHalves", &StoreWrap::read_halves),
                      InstanceMethod("readQuantized", &StoreWrap::read_quantized),
                      InstanceMethod("dispose", &StoreWrap::dispose)});
}

StoreWrap::StoreWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StoreWrap>(info) {
  guarded(info, [&] {
    store_ = std::make_shared<WeightStore>(entries_arg(info));
    const napi_type_tag tag = store_tag(info.Env());
    info.This().As<Napi::Object>().TypeTag(&tag);
  });
}

StoreWrap& StoreWrap::unwrap(const Napi::Env& env, const Napi::Value& value) {
  const napi_type_tag tag = store_tag(env);
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag))
    bad_argument("not a Store");
  return *Unwrap(value.As<Napi::Object>());
}

const std::shared_ptr<WeightStore>& StoreWrap::store() const {
  if (store_ == nullptr) throw Error(ErrorCode::DISPOSED, "the model was disposed");
  return store_;
}

void StoreWrap::write_weight(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    if (*packing_) bad_argument("weights are written before seal, and not while pack runs");
    if (info.Length() < 4 || !info[1].IsNumber() || !info[3].IsTypedArray() ||
        info[3].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      bad_argument("writeWeight takes a name, an offset, a dtype and bytes");
    }
    const Napi::Uint8Array bytes = info[3].As<Napi::Uint8Array>();
    const std::string name = string_arg(info, 0, "name");
    Pack& home = store()->home_of(name);
    write_values(home, store()->at(name)->member, info[1].As<Napi::Number>().Int64Value(),
                 string_arg(info, 2, "dtype"), bytes.Data(),
                 static_cast<int64_t>(bytes.ByteLength()));
  });
}

void StoreWrap::write_scales(const Napi::CallbackInfo& info) {
  guarded(info, [&] {
    if (*packing_) bad_argument("weights are written before seal, and not while pack runs");
    if (info.Length() < 2 || !info[1].IsTypedArray() ||
        info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      bad_argument("writeScales takes a name and a Float32Array");
    }
    Napi::Float32Array scales = info[1].As<Napi::Float32Array>();
    const std::string name = string_arg(info, 0, "name");
    Pack& home = store()->home_of(name);
    home.write_scales(store()->at(name)->member, scales.Data(),
                      static_cast<int64_t>(scales.ElementLength()));
  });
}

Napi::Value StoreWrap::pack(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<WeightStore> held = store();
    return submit_packing(info, held, packing_,
                          [held](Team& team, const Cancel& cancel) { held->pack(team, cancel); });
  });
}

std::shared_ptr<Weight> StoreWrap::readable(const std::string& name) const {
  if (*packing_) bad_argument("weights are not read while pack runs");
  if (store()->being_written()) bad_argument("readWeight while a training step runs");
  return store()->ready_at(name);
}

Napi::Value StoreWrap::read_weight(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Weight> weight = readable(string_arg(info, 0, "name"));
    if (weight->spec.dtype == WeightDtype::s8)
      bad_argument("weight " + weight->spec.name + " is int8");
    const RowsArg rows(info, *weight);
    Napi::Float32Array values = Napi::Float32Array::New(info.Env(), rows.elements);
    weight->home->read(rows.begin, rows.end, values.Data());
    return values;
  });
}

Napi::Value StoreWrap::read_halves(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Weight> weight = readable(string_arg(info, 0, "name"));
    if (weight->spec.dtype != WeightDtype::f16)
      bad_argument("weight " + weight->spec.name + " is not held in f16");
    const RowsArg rows(info, *weight);
    Napi::Uint16Array values = Napi::Uint16Array::New(info.Env(), rows.elements);
    weight->home->read_halves(rows.begin, rows.end, values.Data());
    return values;
  });
}

Napi::Value StoreWrap::read_quantized(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Weight> weight = readable(string_arg(info, 0, "name"));
    if (weight->spec.dtype != WeightDtype::s8)
      bad_argument("weight " + weight->spec.name + " is not int8");
    const RowsArg rows(info, *weight);
    Napi::Int8Array data = Napi::Int8Array::New(info.Env(), rows.elements);
    Napi::Float32Array scales = Napi::Float32Array::New(info.Env(), rows.count);
    weight->home->read_codes(rows.begin, rows.end, data.Data(), scales.Data());
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("data", data);
    result.Set("scales", scales);
    return result;
  });
}

void StoreWrap::dispose(const Napi::CallbackInfo&) { store_ = nullptr; }

}  // namespace sinter
