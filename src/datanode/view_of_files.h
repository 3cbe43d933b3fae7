// Which files a process means by its paths.
#pragma once

#include <string>

namespace leat::datanode {

// Names the mount namespace and the root directory of this process: two processes of one machine
// with the same text mean the same by a path. "" where it cannot be told.
std::string ViewOfFiles();

}  // namespace leat::datanode
