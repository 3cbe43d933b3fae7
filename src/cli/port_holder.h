// Who listens on a port of this machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace leat::cli {

struct PortHolder {
  int pid = 0;
  std::string program;  // as ps names it
  std::string pod_uid;  // when it runs in a container of a Leat's; else ""
};

// Who listens on the port of that address, or of all addresses; of any, where `host` is a name or
// 0.0.0.0 or ::. nullopt when nobody does, or it belongs to a user into whose processes we may not
// look.
std::optional<PortHolder> FindPortHolder(const std::string& host, uint16_t port);

// The uid of the pod in whose cgroup a process with this /proc/PID/cgroup is; "" for none.
std::string PodOfCgroups(const std::string& cgroups);

}  // namespace leat::cli
