// What the containers of one pod have in common, as in Kubernetes: the IPC namespace (System V
// IPC, POSIX message queues), the UTS namespace (host name) and /dev/shm. Mounts keep them, no
// process does: they outlive us, and are gone after a restart of the machine like the containers.
#pragma once

#include <string>

#include "base/result.h"

namespace leat::node {

struct SandboxNamespaces {
  explicit SandboxNamespaces(const std::string& dir)
      : dir(dir), ipc(dir + "/ipc"), uts(dir + "/uts"), shm(dir + "/shm") {}

  std::string dir;
  std::string ipc, uts;  // files to join a namespace by
  std::string shm;       // a tmpfs of 64 MiB, charged to the containers that fill it
};

// Makes what is not there yet; the host name is that of the first call. Idempotent. Needs root.
Status MakeSandboxNamespaces(const SandboxNamespaces& namespaces, const std::string& hostname);
// Lets go of them; containers that still run keep theirs. Idempotent.
Status RemoveSandboxNamespaces(const SandboxNamespaces& namespaces);

}  // namespace leat::node
