// The BytePairs class of the border: token ids of texts, on the JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "tokenize/byte_pairs.h"

namespace sinter {

class BytePairsWrap : public Napi::ObjectWrap<BytePairsWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit BytePairsWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value encode(const Napi::CallbackInfo& info);

  std::unique_ptr<BytePairs> pairs_;
  std::u16string text_;  // of the text that is read, kept for its memory
};

}  // namespace sinter
