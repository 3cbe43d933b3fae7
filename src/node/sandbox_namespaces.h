// What the containers of one pod have in common, as in Kubernetes: the IPC namespace (System V
// IPC, POSIX message queues), the UTS namespace (host name) and /dev/shm. Mounts keep them, no
// process does: they outlive us, and are gone after a restart of the machine like the containers.
#pragma once

#include <string>

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
  std::string shared;  // 1 MiB, for files of ours that they may write to
};

// Makes what is not there yet; the host name is that of the first call. Idempotent. Needs root.
Status MakeSandboxNamespaces(const SandboxNamespaces& namespaces, const std::string& hostname);
// Lets go of them; containers that still run keep theirs. Idempotent.
Status RemoveSandboxNamespaces(const SandboxNamespaces& namespaces);

}  // namespace leat::node
