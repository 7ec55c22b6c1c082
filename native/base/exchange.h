// Two names of a file system change places in one step.
#pragma once

#include <string>

namespace sinter {

// True: what was at `a` is at `b` and the other way round, and nobody saw anything in between.
// False: nothing changed, because the system or the file system has no such call or refused it.
bool exchange_paths(const std::string& a, const std::string& b) noexcept;

}  // namespace sinter
