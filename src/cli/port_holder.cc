#include "cli/port_holder.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <string_view>

#include "base/strings.h"
#include "io/file.h"

namespace leat::cli {
namespace {

constexpr std::string_view kListening = "0A";

// An IPv6 address; one of IPv4 as ::ffff:a.b.c.d, but 0.0.0.0 as :: is.
using Address = std::array<unsigned char, 16>;
constexpr Address kEvery = {};

Address FromV4(const void* bytes) {
  Address address = {};
  address[10] = address[11] = 0xff;
  std::memcpy(&address[12], bytes, 4);
  constexpr unsigned char kZero[4] = {};
  return std::memcmp(bytes, kZero, 4) == 0 ? kEvery : address;
}

// nullopt for a name.
std::optional<Address> AddressOf(const std::string& host) {
  Address address;
  if (inet_pton(AF_INET, host.c_str(), address.data()) == 1) return FromV4(address.data());
  if (inet_pton(AF_INET6, host.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

// "0100007F": words in this machine's order of bytes, as the kernel prints them.
std::optional<Address> AddressOfHex(std::string_view hex) {
  if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
  Address address = {};
  for (size_t word = 0; word < hex.size() / 8; ++word) {
    const uint32_t value = static_cast<uint32_t>(
        std::strtoul(std::string(hex.substr(word * 8, 8)).c_str(), nullptr, 16));
    std::memcpy(&address[word * 4], &value, sizeof value);
  }
  return hex.size() == 8 ? FromV4(address.data()) : address;
}

// Whether listening on one keeps others from listening on the other.
bool Meet(const std::optional<Address>& one, const std::optional<Address>& other) {
  return !one || !other || *one == *other || *one == kEvery || *other == kEvery;
}

// The inodes of the sockets that listen there, from /proc/net/tcp and tcp6: sl, local address,
// remote address, state, queues, timer, retransmissions, uid, timeout, inode.
std::set<std::string> ListeningInodes(const std::string& host, uint16_t port) {
  const auto address = AddressOf(host);
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
      if (state != kListening || !local.ends_with(wanted)) continue;
      if (Meet(AddressOfHex(local.substr(0, local.find(':'))), address)) inodes.insert(inode);
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

std::optional<PortHolder> FindPortHolder(const std::string& host, uint16_t port) {
  const std::set<std::string> inodes = ListeningInodes(host, port);
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
