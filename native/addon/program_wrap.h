// The Program class of the border: unpacks arguments, calls the engine, wraps results.
#pragma once

#include <napi.h>

#include <memory>

#include "program/program.h"

namespace sinter {

class ProgramWrap : public Napi::ObjectWrap<ProgramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ProgramWrap(const Napi::CallbackInfo& info);

  // Throws Error(DISPOSED) after dispose.
  const std::shared_ptr<Program>& program() const;
  const std::shared_ptr<Program>& sealed_program() const;
  // The wrap of a JavaScript value, which must be a Program of this addon.
  static ProgramWrap& unwrap(const Napi::Env& env, const Napi::Value& value);

 private:
  Napi::Value seal(const Napi::CallbackInfo& info);
  Napi::Value resident_bytes(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Program> program_;
  std::shared_ptr<bool> packing_;  // of the store
  bool seal_called_ = false;
};

}  // namespace sinter
