// The Trainer class of the border.
#pragma once

#include <napi.h>

#include <memory>

#include "train/trainer.h"

namespace sinter {

class TrainerWrap : public Napi::ObjectWrap<TrainerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TrainerWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value read_gradient(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<Trainer>& trainer() const;

  std::shared_ptr<Trainer> trainer_;
};

}  // namespace sinter
