// Texts are copied one at a time, so memory does not grow with their number.
#include "addon/word_pieces_wrap.h"

#include <string_view>
#include <vector>

#include "addon/args.h"
#include "addon/guard.h"
#include "addon/texts_arg.h"
#include "addon/word_list_wrap.h"

namespace sinter {
Napi::Function WordPiecesWrap::define(Napi::Env env) {
  return DefineClass(env, "WordPieces", {InstanceMethod("encode", &WordPiecesWrap::encode)});
}

WordPiecesWrap::WordPiecesWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<WordPiecesWrap>(info) {
  guarded(info, [&] {
    const bool is_joined = info.Length() > 0 && info[0].IsString();
    const std::string joined = is_joined ? string_arg(info, 0, "words") : "";
    const Napi::Object rules = object_arg(info, 1, "rules");
    const std::vector<std::string_view> words =
        is_joined ? words_of(joined) : WordListWrap::unwrap(info.Env(), info[0]).words();
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
    result.Set("ids", ints_value(env, columns.ids));
    result.Set("starts", ints_value(env, columns.starts));
    result.Set("ends", ints_value(env, columns.ends));
    result.Set("offsets", ints_value(env, offsets));
    result.Set("refused", ints_value(env, refused));
    return result;
  });
}

}  // namespace sinter
