// Texts are copied one at a time, so memory does not grow with their number.
#include "addon/byte_pairs_wrap.h"

#include <vector>

#include "addon/args.h"
#include "addon/guard.h"
#include "addon/texts_arg.h"

namespace sinter {

Napi::Function BytePairsWrap::define(Napi::Env env) {
  return DefineClass(env, "BytePairs", {InstanceMethod("encode", &BytePairsWrap::encode)});
}

BytePairsWrap::BytePairsWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<BytePairsWrap>(info) {
  guarded(info, [&] {
    const std::string words = string_arg(info, 0, "words"), merges = string_arg(info, 1, "merges");
    const Napi::Object rules = object_arg(info, 2, "rules");
    const BytePairRules native{bool_field(rules, "addsSpace"), bool_field(rules, "ignoresMerges")};
    const std::vector<std::string_view> pairs =
        merges.empty() ? std::vector<std::string_view>() : words_of(merges);
    if (pairs.size() % 2 != 0) bad_argument("merges must be pairs");
    pairs_ = std::make_unique<BytePairs>(words_of(words), pairs, native);
  });
}

Napi::Value BytePairsWrap::encode(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    if (info.Length() < 1 || !info[0].IsArray()) bad_argument("texts must be an array");
    const auto texts = info[0].As<Napi::Array>();
    const uint32_t count = texts.Length();
    std::vector<int32_t> ids, offsets{0}, refused;
    for (uint32_t i = 0; i < count; ++i) {
      const Napi::HandleScope scope(env);
      read_text(env, texts.Get(i), text_);
      if (!pairs_->add(text_, ids)) refused.push_back(static_cast<int32_t>(i));
      offsets.push_back(static_cast<int32_t>(ids.size()));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", ints_value(env, ids));
    result.Set("offsets", ints_value(env, offsets));
    result.Set("refused", ints_value(env, refused));
    return result;
  });
}

}  // namespace sinter
