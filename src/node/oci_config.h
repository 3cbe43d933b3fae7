// The OCI runtime configuration (config.json) of a container, with the defaults container users
// know.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "node/runtime.h"

namespace leat::node {

struct OciParts {
  const SandboxConfig& sandbox;
  const ContainerConfig& container;
  std::string root;                               // the container's root directory on the host
  std::vector<Mount> image_mounts;                // what the image itself binds
  std::string cgroups_path;                       // "/leat/<pod uid>/<container>"
  std::string pid_namespace;                      // /proc/PID/ns/pid to join; "" = its own
  std::string ipc_namespace, uts_namespace, shm;  // the pod's: see SandboxNamespaces
};

// An OCI runtime-spec 1.0.2 configuration.
json::Value OciConfig(const OciParts& parts);

// The default seccomp profile: an allow-list, EPERM for all else.
json::Value DefaultSeccomp();

}  // namespace leat::node
