// The WordPieces class of the border: token ids of texts, on the JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "tokenize/word_pieces.h"

namespace sinter {

class WordPiecesWrap : public Napi::ObjectWrap<WordPiecesWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit WordPiecesWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value encode(const Napi::CallbackInfo& info);

  std::unique_ptr<WordPieces> pieces_;
  std::u16string text_;  // of the text that is read, kept for its memory
};

}  // namespace sinter
