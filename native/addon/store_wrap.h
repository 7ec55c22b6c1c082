// The Store class of the border, through which weights come in and go out.
#pragma once

#include <napi.h>

#include <memory>

#include "weights/file_part.h"
#include "weights/store.h"

namespace sinter {

class StoreWrap : public Napi::ObjectWrap<StoreWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit StoreWrap(const Napi::CallbackInfo& info);

  // Throws Error(DISPOSED) after dispose.
  const std::shared_ptr<WeightStore>& store() const;
  // The wrap of a JavaScript value, which must be a Store of this addon.
  static StoreWrap& unwrap(const Napi::Env& env, const Napi::Value& value);

  // True while a job packs weights of this store: then nobody may write or read weights or make
  // programs. The jobs share the flag, because they may end after this object.
  const std::shared_ptr<bool>& packing() const { return packing_; }
  // The weight `name`, which must be ready and not being packed or written.
  std::shared_ptr<Weight> readable(const std::string& name) const;

 private:
  FilePart file_part(const Napi::Value& value) const;
  void write_weight(const Napi::CallbackInfo& info);
  Napi::Value read_files(const Napi::CallbackInfo& info);
  Napi::Value pack(const Napi::CallbackInfo& info);
  Napi::Value read_weight(const Napi::CallbackInfo& info);
  Napi::Value read_rows(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<WeightStore> store_;
  std::shared_ptr<bool> packing_ = std::make_shared<bool>(false);
};

}  // namespace sinter
