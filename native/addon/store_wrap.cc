// Stores: made from a list of weights, written or derived from other stores, read row by row.
#include "addon/store_wrap.h"

#include <cmath>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/file_reading.h"
#include "addon/guard.h"
#include "addon/packing_job.h"
#include "addon/reading_job.h"

namespace sinter {
namespace {

napi_type_tag store_tag(Napi::Env env) { return Environment::tag(env, 0x53696E7465725374ull); }

// The index of the part called `name`.
size_t part_of(const WeightSpec& spec, const std::string& name) {
  const auto parts = spec.storage->parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (name == parts[i].name) return i;
  }
  bad_argument("weight " + spec.name + ", held in " + spec.storage->name() + ", has no part " +
               name);
}

// Reads the source of a weight, `from: { store, name, rows?, columns?, divisor? }`.
WeightSource source_arg(const Napi::Object& object, const std::string& name) {
  const Napi::Object from = object_field(object, "from");
  const Napi::Value divisor = from.Get("divisor");
  WeightSource source;
  if (!divisor.IsUndefined()) source.divisor = copy_of(floats_field(from, "divisor"));
  if (!from.Get("rows").IsUndefined()) source.rows = copy_of(ints_field(from, "rows"));
  if (!from.Get("columns").IsUndefined()) source.columns = copy_of(ints_field(from, "columns"));
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

// The rows of a weight to read: arguments 1 and 2, by default all rows.
struct RowsArg {
  RowsArg(const Napi::CallbackInfo& info, const Weight& weight) {
    const int64_t rows = weight.spec.rows();
    begin = bound(info, 1, 0);
    end = bound(info, 2, rows);
    if (begin < 0 || begin > end || end > rows)
      bad_argument("weight " + weight.spec.name + " has " + std::to_string(rows) + " rows");
  }
  int64_t begin, end;

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
                      InstanceMethod("readFiles", &StoreWrap::read_files),
                      InstanceMethod("pack", &StoreWrap::pack),
                      InstanceMethod("readWeight", &StoreWrap::read_weight),
                      InstanceMethod("readRows", &StoreWrap::read_rows),
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
    const std::string name = string_arg(info, 0, "name"), dtype = string_arg(info, 2, "dtype");
    const bool whole = info.Length() < 5 || info[4].IsUndefined();
    const size_t part = part_of(store()->at(name)->spec, whole ? "" : string_arg(info, 4, "part"));
    const ElementType* type = find_element_type(dtype);
    if (type == nullptr) bad_argument("unknown dtype " + dtype);
    Pack& home = store()->home_of(name);
    const Napi::Uint8Array bytes = info[3].As<Napi::Uint8Array>();
    home.write(store()->at(name)->member, part, info[1].As<Napi::Number>().Int64Value(), *type,
               bytes.Data(), static_cast<int64_t>(bytes.ByteLength()));
  });
}

Napi::Value StoreWrap::read_files(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (*packing_) bad_argument("weights are written before seal, and not while pack runs");
    if (!can_read_files()) bad_argument("readFiles is not for this system");
    if (info.Length() < 1 || !info[0].IsArray()) bad_argument("readFiles takes a list of parts");
    const auto list = info[0].As<Napi::Array>();
    std::vector<FilePart> parts;
    for (uint32_t i = 0; i < list.Length(); ++i) {
      const Napi::HandleScope scope(info.Env());
      parts.push_back(file_part(list.Get(i)));
    }
    return submit_file_reading(info.Env(), store(), packing_, std::move(parts));
  });
}

FilePart StoreWrap::file_part(const Napi::Value& value) const {
  constexpr int64_t kMost = int64_t{1} << 52;
  if (!value.IsObject()) bad_argument("a part must be an object");
  const auto from = value.As<Napi::Object>();
  FilePart part;
  part.weight = string_field(from, "weight");
  part.part = part_of(store()->at(part.weight)->spec, string_field(from, "part"));
  part.offset = integer_field(from, "offset", 0, kMost);
  const std::string dtype = string_field(from, "dtype");
  part.type = find_element_type(dtype);
  if (part.type == nullptr) bad_argument("unknown dtype " + dtype);
  part.file = static_cast<int>(integer_field(from, "file", 0, INT32_MAX));
  part.position = integer_field(from, "position", 0, kMost);
  part.bytes = integer_field(from, "bytes", 0, kMost);
  return part;
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
    const RowsArg rows(info, *weight);
    const int64_t first = weight->first_row(), count = rows.end - rows.begin;
    Napi::Float32Array values = Napi::Float32Array::New(
        info.Env(), static_cast<size_t>(count) * static_cast<size_t>(weight->spec.width()));
    weight->home->read(first + rows.begin, first + rows.end, values.Data());
    return values;
  });
}

Napi::Value StoreWrap::read_rows(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<Weight> weight = readable(string_arg(info, 0, "name"));
    const RowsArg rows(info, *weight);
    const std::string dtype = string_arg(info, 3, "dtype");
    const Storage* as = find_storage(dtype);
    if (as == nullptr) bad_argument("unknown weight dtype " + dtype);
    const char* why = as->refuses(weight->spec.width(), false);
    if (why != nullptr)
      bad_argument("weight " + weight->spec.name + " cannot be read as " + dtype + ": " + why);
    return submit_reading(info, 4, {weight, rows.begin, rows.end, as});
  });
}

void StoreWrap::dispose(const Napi::CallbackInfo&) { store_ = nullptr; }

}  // namespace sinter
