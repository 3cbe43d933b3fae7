// Until pods have networks of their own, each has its own loopback address, and an /etc/hosts that
// names its peers: the pods of its namespace with the same subdomain.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "json/value.h"

namespace leat::node {

// Thread-safe.
class AddressBook {
 public:
  // The pod's address in 127.64.0.0/10: the one in its status, else one that no other pod has.
  std::string AddressOf(const json::Value& pod);
  void Forget(const std::string& pod_uid);

 private:
  Mutex mu_;
  std::map<std::string, std::string> by_uid_ GUARDED_BY(mu_);
  std::set<std::string> used_ GUARDED_BY(mu_);
};

// What the pod is called: spec.hostname, else its name (at most 63 characters).
std::string HostnameOf(const json::Value& pod);

// The text of the pod's /etc/hosts: itself, its peers that have an address, and its hostAliases.
std::string HostsFile(const json::Value& pod, const std::string& address,
                      const std::vector<json::Value>& peers);

}  // namespace leat::node
