#include "datanode/empty_source.h"

#include <algorithm>

namespace leat::datanode {
namespace {

bool IsObject(const MountSpec& spec, const std::string& parent, const std::string& name,
              const std::stop_token& stop) {
  MountSpec above = spec;
  above.source = parent;
  above.store.look = false;
  above.store.retry_for = std::min(spec.store.retry_for, std::chrono::seconds(5));
  const auto store = OpenStore(above);
  return store && (*store)->Head(name, stop);
}

}  // namespace

std::string WhyEmpty(const MountSpec& spec, const std::stop_token& stop) {
  const std::string& source = spec.source;
  const std::string slash = source.ends_with('/') ? "" : "/";
  const std::string found = "no objects were found under " + source + slash;
  const size_t bucket = source.find("://") + 3;
  const size_t last = source.rfind('/');
  const bool has_buckets =
      source.starts_with("s3:") || source.starts_with("gs:") || source.starts_with("oss:");
  if (has_buckets && last >= bucket && !slash.empty()) {
    const std::string parent = source.substr(0, last + 1);
    const std::string name = source.substr(last + 1);
    if (IsObject(spec, parent, name, stop))
      return found + ": " + source + " is itself an object, the file " + name + " under " + parent;
  }
  return found + ": check bucket and prefix";
}

}  // namespace leat::datanode
