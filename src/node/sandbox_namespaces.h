// What the containers of one pod have in common, as in Kubernetes: the IPC namespace (System V
// IPC, POSIX message queues), the UTS namespace (host name) and /dev/shm. Mounts keep them, no
// process does: they outlive us, and are gone after a restart of the machine like the containers.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace leat::node {

struct SandboxNamespaces {
  explicit SandboxNamespaces(const std::string& dir)
      : dir(dir),
        ipc(dir + "/ipc"),
        uts(dir + "/uts"),
        shm(dir + "/shm"),
        shared(dir + "/shared") {}

  std::string dir;
  std::string ipc, uts;  // files to join a namespace by
  // Each a tmpfs, charged to the containers that fill it.
  std::string shm;     // 64 MiB, their /dev/shm
  std::string shared;  // 1 MiB, for the file of ours that all may write to
};

// Makes what is not there yet; the host name is that of the first call. Each of `own`, paths below
// `shared`, is a tmpfs like it, for what one container may write to: who fills it leaves the others
// their room. Idempotent. Needs root.
Status MakeSandboxNamespaces(const SandboxNamespaces& namespaces, const std::string& hostname,
                             const std::vector<std::string>& own);
// Lets go of them; containers that still run keep theirs. Idempotent.
Status RemoveSandboxNamespaces(const SandboxNamespaces& namespaces);

}  // namespace leat::node
