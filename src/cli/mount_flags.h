// The flags that say how a source is reached and shown, for `leat mount` and `leat data`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "datanode/mount_spec.h"

namespace CLI {
class App;
}

namespace leat::cli {

struct SourceFlags {
  std::string endpoint;
  bool virtual_host = false;
  bool anonymous = false;
  int64_t retry_for = 60;  // seconds
};
void AddSourceFlags(CLI::App& app, const std::shared_ptr<SourceFlags>& flags);

// A spec of the source with these flags and the credentials' environment of this process. A
// file:// source is made absolute.
Result<datanode::MountSpec> SpecOf(const std::string& source, const SourceFlags& flags);

// True for what is a URL rather than a path.
bool IsSource(const std::string& text);

// The path without links, "." and "..", also when what is mounted at its end is dead; kNotFound.
Result<std::string> RealPath(const std::string& path);

// The control socket of the data node that serves the mount; "" when it does not tell.
std::string ControlOf(const std::string& mountpoint);

// What a path in a mount is to the mount's data node.
struct PathInMount {
  std::string mountpoint;
  std::string path;     // below the mountpoint; "" is its root
  std::string control;  // the data node's socket; "" when the mount does not tell
};
// kNotFound: no such path, or it lies in no mount of Leat; kUnavailable: the mount is dead.
Result<PathInMount> FindInMount(const std::string& path);

}  // namespace leat::cli
