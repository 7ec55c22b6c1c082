// A word that JavaScript cannot say as well-formed text is not asked for: its half surrogate would
// become a character that may be a word.
#include "addon/word_list_wrap.h"

#include <string>
#include <string_view>

#include "addon/args.h"
#include "addon/environment.h"
#include "addon/guard.h"

namespace sinter {
namespace {

napi_type_tag list_tag(Napi::Env env) { return Environment::tag(env, 0x53696E746572576Cull); }

}  // namespace

Napi::Function WordListWrap::define(Napi::Env env) {
  return DefineClass(
      env, "WordList",
      {InstanceMethod("size", &WordListWrap::size), InstanceMethod("find", &WordListWrap::find),
       InstanceMethod("joined", &WordListWrap::joined)});
}

WordListWrap::WordListWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WordListWrap>(info) {
  guarded(info, [&] {
    if (info.Length() < 1 || !info[0].IsTypedArray() ||
        info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      bad_argument("json must be bytes");
    const auto bytes = info[0].As<Napi::Uint8Array>();
    list_ = WordList::of_json({reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()});
    const napi_type_tag tag = list_tag(info.Env());
    info.This().As<Napi::Object>().TypeTag(&tag);
  });
}

const WordList& WordListWrap::unwrap(const Napi::Env& env, const Napi::Value& value) {
  const napi_type_tag tag = list_tag(env);
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag))
    bad_argument("not a WordList");
  const auto& list = Unwrap(value.As<Napi::Object>())->list_;
  if (!list) bad_argument("the WordList has no words");
  return *list;
}

Napi::Value WordListWrap::size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), list_ ? static_cast<double>(list_->size()) : 0);
}

Napi::Value WordListWrap::find(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::string word = string_arg(info, 0, "word");
    return Napi::Number::New(info.Env(), list_ ? list_->find(word) : -1);
  });
}

Napi::Value WordListWrap::joined(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), list_ ? list_->joined() : std::string());
  });
}

}  // namespace sinter
