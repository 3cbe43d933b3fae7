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

// Of the runtime at `dir`: where it mounts things and has sockets, <uid>/shared among them, a tmpfs
// of 1 MiB for the file of ours that a pod's containers may all write to (from RunSandbox to
// StopSandbox). A sandbox's `message_dirs` lie below it.
std::string RunDir(const std::string& dir);

std::unique_ptr<ContainerRuntime> MakeRuncRuntime(RuncOptions options, ImageCatalogue& catalogue);

}  // namespace leat::node
