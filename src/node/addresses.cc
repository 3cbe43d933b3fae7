#include "node/addresses.h"

#include <fmt/format.h>

#include "hash/hash.h"

namespace leat::node {

std::string AddressBook::AddressOf(const json::Value& pod) {
  const std::string uid = pod["metadata"]["uid"].Str();
  MutexLock lock(mu_);
  if (const auto known = by_uid_.find(uid); known != by_uid_.end()) return known->second;
  std::string address = pod["status"]["podIP"].Str();
  // 22 bits from the uid, so that a pod gets the same address again; the next free one if taken.
  for (uint32_t bits = hash::Crc32c(uid); address.empty() || used_.contains(address); ++bits)
    address = fmt::format("127.{}.{}.{}", 64 + (bits >> 16 & 63), bits >> 8 & 255, bits % 254 + 1);
  by_uid_[uid] = address;
  used_.insert(address);
  return address;
}

void AddressBook::Forget(const std::string& pod_uid) {
  MutexLock lock(mu_);
  const auto known = by_uid_.find(pod_uid);
  if (known == by_uid_.end()) return;
  used_.erase(known->second);
  by_uid_.erase(known);
}

std::string HostnameOf(const json::Value& pod) {
  std::string name = pod["spec"]["hostname"].Str();
  if (name.empty()) name = pod["metadata"]["name"].Str();
  name = name.substr(0, 63);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string HostsFile(const json::Value& pod, const std::string& address,
                      const std::vector<json::Value>& peers) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  const std::string subdomain = pod["spec"]["subdomain"].Str();
  const auto add = [&](const std::string& ip, const std::string& hostname) {
    text += fmt::format("{}\t{}", ip, hostname);
    if (!subdomain.empty()) text += fmt::format(" {}.{}", hostname, subdomain);
    text += "\n";
  };
  add(address, HostnameOf(pod));
  if (!subdomain.empty())
    for (const json::Value& peer : peers)
      if (peer["spec"]["subdomain"].AsString() == subdomain &&
          peer["metadata"]["uid"] != pod["metadata"]["uid"] &&
          !peer["status"]["podIP"].AsString().empty())
        add(peer["status"]["podIP"].Str(), HostnameOf(peer));
  for (const json::Value& alias : pod["spec"]["hostAliases"].Items()) {
    text += alias["ip"].Str();
    for (const json::Value& name : alias["hostnames"].Items()) text += "\t" + name.Str();
    text += "\n";
  }
  return text;
}

}  // namespace leat::node
