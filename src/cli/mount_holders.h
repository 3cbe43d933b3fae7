// Who keeps a mount from being unmounted.
#pragma once

#include <string>
#include <vector>

namespace leat::cli {

// "4711 (python3)" of processes with open files, mapped files or a directory in the mount, three at
// most; as far as we may look into /proc.
std::vector<std::string> HoldersOf(const std::string& mountpoint);

}  // namespace leat::cli
