// The Program class of the border: unpacks, calls the engine, wraps.
#pragma once

#include <napi.h>

#include <memory>

#include "program/program.h"

namespace sinter {

class ProgramWrap : public Napi::ObjectWrap<ProgramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ProgramWrap(const Napi::CallbackInfo& info);

  // The program, or Error(DISPOSED).
  const std::shared_ptr<Program>& program() const;
  const std::shared_ptr<Program>& sealed_program() const;
  // The wrap behind a JavaScript value that must be a Program of this addon.
  static ProgramWrap& unwrap(const Napi::Env& env, const Napi::Value& value);

 private:
  void write_weight(const Napi::CallbackInfo& info);
  void write_scales(const Napi::CallbackInfo& info);
  Napi::Value pack(const Napi::CallbackInfo& info);
  Napi::Value seal(const Napi::CallbackInfo& info);
  Napi::Value pack_or_seal(const Napi::CallbackInfo& info, bool seal);
  Napi::Value read_weight(const Napi::CallbackInfo& info);
  Napi::Value read_quantized(const Napi::CallbackInfo& info);
  Napi::Value halves(const Napi::CallbackInfo& info);
  Napi::Value read_halves(const Napi::CallbackInfo& info);
  Napi::Value resident_bytes(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Program> program_;
  // A pack runs, or seal was called. Shared with the jobs: they may end after this object.
  std::shared_ptr<bool> packing_ = std::make_shared<bool>(false);
};

}  // namespace sinter
