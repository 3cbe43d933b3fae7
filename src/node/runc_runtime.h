// ContainerRuntime over runc and conmon.
//
// Each container has a directory DIR/<sandbox>/<name>_<attempt> with its OCI bundle (config.json,
// rootfs), `meta.json` (what ContainerStatus needs), and the files of its conmon: the process that
// holds the container, writes its CRI log, and leaves its exit code in DIR/exits/<container id>.
// conmon outlives us, so all state is in these files and none in memory.
#pragma once

#include <memory>
#include <string>

#include "node/image_catalogue.h"
#include "node/runtime.h"

namespace leat::node {

struct RuncOptions {
  std::string dir;           // DIR; kept across restarts
  std::string programs_dir;  // Leat's own programs, bound into containers
};

std::unique_ptr<ContainerRuntime> MakeRuncRuntime(RuncOptions options, ImageCatalogue& catalogue);

}  // namespace leat::node
