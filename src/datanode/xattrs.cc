#include "datanode/xattrs.h"

namespace leat::datanode {
namespace {

constexpr std::string_view kPrefix = "user.leat.";

}  // namespace

std::optional<std::string> XattrOf(const TreeEntry& entry, const ObjectVersion& version,
                                   std::string_view name, const blocks::Cache& cache,
                                   const std::string& control) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name == "source") return version.store->Name() + entry.key;
  if (name == "control" && NodeOf(entry.id) == fuse::kRootNode) return control;
  if (entry.kind != Kind::kFile) return std::nullopt;
  if (name == "etag") return entry.etag;
  if (name != "cached" && name != "state") return std::nullopt;
  const auto cached = cache.Describe(version.id);
  const uint64_t bytes = cached ? cached->cached : 0;
  if (name == "cached") return std::to_string(bytes);
  if (entry.size == 0) return "complete";  // there is nothing to fetch
  if (!cached || bytes == 0) return "none";
  if (cached->packed) return "packed";
  return bytes < entry.size ? "partial" : "complete";
}

}  // namespace leat::datanode
