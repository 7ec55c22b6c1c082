// The WordList class of the border: a vocabulary that was read without JavaScript objects.
#pragma once

#include <napi.h>

#include <optional>

#include "tokenize/word_list.h"

namespace sinter {

class WordListWrap : public Napi::ObjectWrap<WordListWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit WordListWrap(const Napi::CallbackInfo& info);
  // The list of an argument; INTERNAL for another object.
  static const WordList& unwrap(const Napi::Env& env, const Napi::Value& value);

 private:
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value joined(const Napi::CallbackInfo& info);

  std::optional<WordList> list_;
};

}  // namespace sinter
