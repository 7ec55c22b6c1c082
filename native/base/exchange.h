// Swaps two paths of a file system in one atomic step.
#pragma once

#include <string>

namespace sinter {

// Returns true when the files or folders at `a` and `b` have changed places, with no state between
// that another process could see. Returns false when nothing changed: the system or the file system
// lacks the call, or refused it.
bool exchange_paths(const std::string& a, const std::string& b) noexcept;

}  // namespace sinter
