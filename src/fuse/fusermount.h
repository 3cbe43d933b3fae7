// Mounting by the set-user-id program fusermount3, for those who are not root. Inside the module.
#pragma once

#include <string>

#include "base/result.h"
#include "io/fd.h"

namespace leat::fuse {

// The device; kUnimplemented when the program is not installed, kForbidden with its own words when
// it refuses.
Result<io::UniqueFd> MountByProgram(const std::string& mountpoint, const std::string& options);
Status UnmountByProgram(const std::string& mountpoint, bool lazy);
// What an unmount says to open files, whoever asks.
Error InUse(const std::string& mountpoint);

// A value for its -o list, in which commas separate.
std::string EscapeOption(const std::string& value);

}  // namespace leat::fuse
