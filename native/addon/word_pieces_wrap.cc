// Texts are copied one at a time, so memory does not grow with their number.
#include "addon/word_pieces_wrap.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "addon/args.h"
#include "addon/guard.h"

namespace sinter {
namespace {

std::vector<std::string_view> words_of(const std::string& joined) {
  std::vector<std::string_view> words;
  const std::string_view all = joined;
  for (size_t begin = 0;;) {
    const size_t end = std::min(all.find('\0', begin), all.size());
    words.push_back(all.substr(begin, end - begin));
    if (end == all.size()) return words;
    begin = end + 1;
  }
}

void read_text(Napi::Env env, const Napi::Value& value, std::u16string& to) {
  size_t length = 0;
  if (napi_get_value_string_utf16(env, value, nullptr, 0, &length) != napi_ok)
    bad_argument("texts must be strings");
  // Node-API writes a zero behind the text.
  to.resize(length + 1);
  napi_get_value_string_utf16(env, value, to.data(), to.size(), &length);
  to.resize(length);
}

Napi::Int32Array array_of(Napi::Env env, const std::vector<int32_t>& from) {
  Napi::Int32Array array = Napi::Int32Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

}  // namespace

Napi::Function WordPiecesWrap::define(Napi::Env env) {
  return DefineClass(env, "WordPieces", {InstanceMethod("encode", &WordPiecesWrap::encode)});
}

WordPiecesWrap::WordPiecesWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<WordPiecesWrap>(info) {
  guarded(info, [&] {
    const std::string joined = string_arg(info, 0, "words");
    const Napi::Object rules = object_arg(info, 1, "rules");
    const std::vector<std::string_view> words = words_of(joined);
    const std::string prefix = string_field(rules, "prefix");
    WordPieceRules native;
    native.text = {bool_field(rules, "cleans"), bool_field(rules, "spaces"),
                   bool_field(rules, "strips"), bool_field(rules, "lowercases")};
    native.prefix = prefix;
    native.unknown = static_cast<int32_t>(
        integer_field(rules, "unknown", 0, static_cast<int64_t>(words.size()) - 1));
    native.max_word = integer_field(rules, "maxWord", 0, INT32_MAX);
    pieces_ = std::make_unique<WordPieces>(words, native);
  });
}

Napi::Value WordPiecesWrap::encode(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    if (info.Length() < 1 || !info[0].IsArray()) bad_argument("texts must be an array");
    const auto texts = info[0].As<Napi::Array>();
    const uint32_t count = texts.Length();
    PieceColumns columns;
    std::vector<int32_t> offsets{0}, refused;
    for (uint32_t i = 0; i < count; ++i) {
      const Napi::HandleScope scope(env);
      read_text(env, texts.Get(i), text_);
      if (!pieces_->add(text_, columns)) refused.push_back(static_cast<int32_t>(i));
      offsets.push_back(static_cast<int32_t>(columns.ids.size()));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", array_of(env, columns.ids));
    result.Set("starts", array_of(env, columns.starts));
    result.Set("ends", array_of(env, columns.ends));
    result.Set("offsets", array_of(env, offsets));
    result.Set("refused", array_of(env, refused));
    return result;
  });
}

}  // namespace sinter
