// The Trainer class of the border: the methods of a training step.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "addon/environment.h"
#include "train/trainer.h"

namespace sinter {

class TrainerWrap : public Napi::ObjectWrap<TrainerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit TrainerWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value accumulate(const Napi::CallbackInfo& info);
  Napi::Value clip(const Napi::CallbackInfo& info);
  Napi::Value clamp(const Napi::CallbackInfo& info);
  Napi::Value apply(const Napi::CallbackInfo& info);
  Napi::Value clear(const Napi::CallbackInfo& info);
  Napi::Value read_gradient(const Napi::CallbackInfo& info);
  Napi::Value state(const Napi::CallbackInfo& info);
  Napi::Value read_state(const Napi::CallbackInfo& info);
  Napi::Value write_state(const Napi::CallbackInfo& info);
  Napi::Value restore(const Napi::CallbackInfo& info);
  Napi::Value keep(const Napi::CallbackInfo& info);
  Napi::Value exchange(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  const std::shared_ptr<Trainer>& trainer() const;
  // The trainer; INTERNAL while a job of any trainer changes the weights.
  const std::shared_ptr<Trainer>& idle_trainer(const char* call) const;
  // Runs `work` on the job thread. Until it has ended the weights must not be read here.
  Napi::Value submit(Napi::Env env, int64_t job_id, Environment::Work work,
                     Environment::Settle settle) const;

  std::shared_ptr<Trainer> trainer_;
  int64_t passes_ = 0;  // number of passes requested
};

}  // namespace sinter
