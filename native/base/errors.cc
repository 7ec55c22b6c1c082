// Names of the error codes; the list itself is errors.inc.
#include "base/errors.h"

namespace sinter {

const char* error_code_name(ErrorCode code) {
  static constexpr const char* kNames[] = {
#define SINTER_ERROR_CODE(name) #name,
#include "base/errors.inc"
#undef SINTER_ERROR_CODE
  };
  return kNames[static_cast<int>(code)];
}

}  // namespace sinter
