// What tokenizers take and give: vocabularies, texts, ids.
#pragma once

#include <napi.h>

#include <string>
#include <string_view>
#include <vector>

namespace sinter {

// The parts of a text that zero characters divide; they borrow from it.
std::vector<std::string_view> words_of(const std::string& joined);

// Copies a text of JavaScript, whose memory is used again.
void read_text(Napi::Env env, const Napi::Value& value, std::u16string& to);

Napi::Int32Array ints_value(Napi::Env env, const std::vector<int32_t>& from);

}  // namespace sinter
