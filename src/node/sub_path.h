// subPath and subPathExpr: a file or directory beneath a volume, bound into a container on its own.
#pragma once

#include <string>

#include "base/result.h"

namespace leat::node {

// Binds what `sub_path` names beneath the directory `volume` to `place`, in place of what is there;
// directories that are missing are made, with the volume's mode. Containers write in volumes, so
// the path is walked without following links, and what it led to is bound at once: whatever they
// change later, `place` stays what it was. kForbidden when the path goes through a link or leaves
// the volume. Needs root.
Status BindSubPath(const std::string& volume, const std::string& sub_path,
                   const std::string& place);

// Lets go of all places in the directory, and removes it. Absent is success.
Status RemoveSubPaths(const std::string& dir);

}  // namespace leat::node
