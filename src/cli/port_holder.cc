#include "cli/port_holder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <string_view>

#include "base/strings.h"
#include "io/file.h"

namespace leat::cli {
namespace {

constexpr std::string_view kListening = "0A";

// The inodes of the sockets that listen on the port, from /proc/net/tcp and tcp6: sl, local
// address, remote address, state, queues, timer, retransmissions, uid, timeout, inode.
std::set<std::string> ListeningInodes(uint16_t port) {
  const std::string wanted = fmt::format(":{:04X}", port);
  std::set<std::string> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto text = io::ReadFile(table);
    std::istringstream lines(text ? *text : "");
    for (std::string line; std::getline(lines, line);) {
      std::istringstream fields(line);
      std::string slot, local, remote, state, queues, timer, retries, uid, timeout, inode;
      fields >> slot >> local >> remote >> state >> queues >> timer >> retries >> uid >> timeout >>
          inode;
      if (state == kListening && local.ends_with(wanted)) inodes.insert(inode);
    }
  }
  return inodes;
}

bool Holds(const std::string& process, const std::set<std::string>& inodes) {
  const auto descriptors = io::ListDir(process + "/fd");
  if (!descriptors) return false;
  for (const std::string& descriptor : *descriptors) {
    char target[64] = "";
    const ssize_t size =
        readlink((process + "/fd/" + descriptor).c_str(), target, sizeof target - 1);
    std::string_view link(target, static_cast<size_t>(size > 0 ? size : 0));
    if (!link.starts_with("socket:[") || !link.ends_with(']')) continue;
    link.remove_prefix(8);
    link.remove_suffix(1);
    if (inodes.contains(std::string(link))) return true;
  }
  return false;
}

}  // namespace

std::string PodOfCgroups(const std::string& cgroups) {
  // "ID:CONTROLLERS:/leat/UID/CONTAINER", one line for each hierarchy.
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(":/leat/");
    if (at == std::string::npos) continue;
    const std::string rest = line.substr(at + 7);
    return rest.substr(0, rest.find('/'));
  }
  return {};
}

std::optional<PortHolder> FindPortHolder(uint16_t port) {
  const std::set<std::string> inodes = ListeningInodes(port);
  if (inodes.empty()) return std::nullopt;
  const auto processes = io::ListDir("/proc");
  if (!processes) return std::nullopt;
  for (const std::string& pid : *processes) {
    const auto number = ParseInt(pid);
    const std::string process = "/proc/" + pid;
    if (!number || !Holds(process, inodes)) continue;
    const auto name = io::ReadFile(process + "/comm");
    const auto cgroups = io::ReadFile(process + "/cgroup");
    return PortHolder{.pid = static_cast<int>(*number),
                      .program = name ? std::string(Trim(*name)) : "",
                      .pod_uid = cgroups ? PodOfCgroups(*cgroups) : ""};
  }
  return std::nullopt;
}

}  // namespace leat::cli
