// The one exception type of the native side. Kernels never throw; program/ checks shapes when a
// program is built. addon/guard.h turns an Error into a SinterError of the same code.
#pragma once

#include <stdexcept>
#include <string>

namespace sinter {

enum class ErrorCode : int {
#define SINTER_ERROR_CODE(name) name,
#include "base/errors.inc"
#undef SINTER_ERROR_CODE
};

inline constexpr int kErrorCodeCount = 0
#define SINTER_ERROR_CODE(name) +1
#include "base/errors.inc"
#undef SINTER_ERROR_CODE
    ;

// The name of a code, as errors.inc spells it.
const char* error_code_name(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace sinter
