// The only try/catch of the border: native exceptions become JavaScript errors with a `code`.
#pragma once

#include <napi.h>

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/errors.h"

namespace sinter {

inline Napi::Error make_js_error(Napi::Env env, const std::string& code,
                                 const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

// The code and message of an exception in JavaScript.
inline std::pair<std::string, std::string> describe_exception(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return {error_code_name(error.code()), error.what()};
  } catch (const std::bad_alloc&) {
    return {error_code_name(ErrorCode::OUT_OF_MEMORY), "out of memory"};
  } catch (const std::system_error& error) {
    return {error_code_name(ErrorCode::DEVICE),
            std::string("a thread could not be started: ") + error.what()};
  } catch (const std::exception& error) {
    return {error_code_name(ErrorCode::INTERNAL), error.what()};
  } catch (...) {
    return {error_code_name(ErrorCode::INTERNAL), "unknown exception"};
  }
}

// Runs the body of a method and turns its exceptions into JavaScript errors. JavaScript exceptions
// pass through.
template <typename Body>
auto guarded(const Napi::CallbackInfo& info, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    const auto [code, message] = describe_exception(std::current_exception());
    throw make_js_error(info.Env(), code, message);
  }
}

}  // namespace sinter
