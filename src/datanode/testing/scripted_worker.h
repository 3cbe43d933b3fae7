// A worker without mounts, which does what clients of the control socket tell it, and nothing else:
//   {"op": "keep", "name", "text", "file"}   file: opened and kept too, when given
//   {"op": "forget", "name"}
//   {"op": "left"}       what its predecessor left, read once
//   {"op": "pid"}
//   {"op": "garble"}     sends the supervisor what it cannot understand
//   {"op": "flood"}      keeps many and large things
//   {"op": "end", "status"}
// In the mode "stillborn" it ends at once, with status 1.
#pragma once

#include <string_view>

namespace leat::datanode {

int RunScriptedWorker(std::string_view mode);

}  // namespace leat::datanode
