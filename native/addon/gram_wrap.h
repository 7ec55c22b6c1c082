// The Gram class of the border: sums over rows of activations, and the solves that read them. All
// jobs are bulk jobs, so they run in the order of the calls.
#pragma once

#include <napi.h>

#include <memory>

#include "addon/environment.h"
#include "compress/gram.h"

namespace sinter {

class GramWrap : public Napi::ObjectWrap<GramWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit GramWrap(const Napi::CallbackInfo& info);

  // The sums behind a JavaScript value; INTERNAL for any other value, DISPOSED after dispose().
  static std::shared_ptr<Gram> unwrap(const Napi::Env& env, const Napi::Value& value);

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value merge(const Napi::CallbackInfo& info);
  Napi::Value sums(const Napi::CallbackInfo& info);
  Napi::Value error(const Napi::CallbackInfo& info);
  Napi::Value solve(const Napi::CallbackInfo& info);
  Napi::Value remove(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  const std::shared_ptr<Gram>& gram() const;

  std::shared_ptr<Gram> gram_;
  bool normalize_ = false;
};

// A copy of the Float32Array at `index`.
std::vector<float> floats_arg(const Napi::CallbackInfo& info, size_t index, const char* what);

}  // namespace sinter
