// The Store class of the border: weights in and out.
#pragma once

#include <napi.h>

#include <memory>

#include "weights/store.h"

namespace sinter {

class StoreWrap : public Napi::ObjectWrap<StoreWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit StoreWrap(const Napi::CallbackInfo& info);

  // The store, or Error(DISPOSED).
  const std::shared_ptr<WeightStore>& store() const;
  // The wrap behind a JavaScript value that must be a Store of this addon.
  static StoreWrap& unwrap(const Napi::Env& env, const Napi::Value& value);

  // A job of this store packs: nobody may write, read, or make programs meanwhile. Shared with the
  // jobs: they may end after this object.
  const std::shared_ptr<bool>& packing() const { return packing_; }

 private:
  void write_weight(const Napi::CallbackInfo& info);
  Napi::Value pack(const Napi::CallbackInfo& info);
  Napi::Value read_weight(const Napi::CallbackInfo& info);
  Napi::Value read_rows(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  // The ready weight `name`, when nothing writes to it.
  std::shared_ptr<Weight> readable(const std::string& name) const;

  std::shared_ptr<WeightStore> store_;
  std::shared_ptr<bool> packing_ = std::make_shared<bool>(false);
};

}  // namespace sinter
