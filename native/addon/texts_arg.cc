// Texts are copied as UTF-16, as the engine has them.
#include "addon/texts_arg.h"

#include <algorithm>

#include "addon/args.h"

namespace sinter {

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

Napi::Int32Array ints_value(Napi::Env env, const std::vector<int32_t>& from) {
  Napi::Int32Array array = Napi::Int32Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

}  // namespace sinter
