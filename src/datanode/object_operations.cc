#include "datanode/object_operations.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "datanode/json_bytes.h"

namespace leat::datanode {
namespace {

constexpr std::chrono::milliseconds kProgressPeriod{200};
constexpr size_t kMostNames = 16;
constexpr size_t kPinsAtATime = 1 << 16;  // each time the list of all pins is written

// Calls `each` with everything below `top`, directories before what is in them, until it is false.
template <class Each>
bool EachBelow(const Manifest& manifest, uint32_t top, Each each) {
  std::vector<uint32_t> open = {top};  // directories whose children are still to come
  while (!open.empty()) {
    const ManifestEntry directory = manifest.At(open.back());
    open.pop_back();
    for (uint32_t i = 0; i < directory.children; ++i) {
      const ManifestEntry child = manifest.At(directory.first + i);
      if (!each(directory.first + i, child)) return false;
      if (child.kind == Kind::kDirectory) open.push_back(directory.first + i);
    }
  }
  return true;
}

// As the extended attribute user.leat.state has it.
std::string_view StateOf(const std::optional<blocks::CachedObject>& cached, uint64_t size) {
  if (size == 0) return "complete";  // there is nothing to fetch
  if (!cached || cached->cached == 0) return "none";
  if (cached->packed) return "packed";
  return cached->cached >= cached->size ? "complete" : "partial";
}

std::string_view TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kDirectory:
      return "directory";
    case Kind::kFile:
      return "file";
    case Kind::kLink:
      return "link";
  }
  return "";
}

json::Value Row(DataNode& node, const Dataset& dataset, uint32_t index, std::string_view name) {
  const ManifestEntry entry = dataset.manifest->At(index);
  json::Value row = json::Object(
      {{"name", BytesToJson(name)}, {"type", TypeOf(entry.kind)}, {"mtime", entry.mtime}});
  if (entry.kind == Kind::kLink) row.Set("target", BytesToJson(entry.etag));
  if (entry.kind != Kind::kFile) return row;
  const blocks::ObjectId id = DataNode::VersionOf(dataset, index).id;
  const auto cached = node.cache().Describe(id);
  row.Set("size", entry.size).Set("cached", cached ? cached->cached : 0);
  row.Set("state", StateOf(cached, entry.size)).Set("pinned", node.cache().IsPinned(id));
  return row;
}

// The paths of objects in the mounts there are, a message full at most.
json::Value NamesOf(const DataNode& node, const std::unordered_set<blocks::ObjectId>& ids,
                    const std::stop_token& stop) {
  json::Value names = json::Array();
  if (ids.empty()) return names;
  for (const MountStats& mount : node.Mounts()) {
    const Result<Dataset> dataset = node.Mounted(mount.mountpoint);
    if (!dataset) continue;  // it has ended meanwhile
    EachBelow(*dataset->manifest, 0, [&](uint32_t index, const ManifestEntry& entry) {
      if (entry.kind == Kind::kFile && ids.contains(DataNode::VersionOf(*dataset, index).id))
        names.Push(BytesToJson(mount.mountpoint + "/" + dataset->manifest->PathOf(index)));
      return names.size() < kMostNames && !stop.stop_requested();
    });
  }
  return names;
}

// Sends values in messages of a size that the socket takes.
class Batches {
 public:
  Batches(const Tell& tell, std::string_view key) : tell_(tell), key_(key) {}
  // `name_bytes`: in escaped form each byte may become six.
  Status Add(json::Value value, size_t name_bytes) {
    values_.Push(std::move(value));
    size_ += name_bytes * 6 + 256;
    return size_ < (64u << 10) ? Status() : Flush();
  }
  Status Flush() {
    if (values_.empty()) return {};
    size_ = 0;
    return tell_(json::Object({{key_, std::exchange(values_, json::Array())}}));
  }

 private:
  const Tell& tell_;
  const std::string_view key_;
  json::Value values_ = json::Array();
  size_t size_ = 0;
};

}  // namespace

Result<std::vector<uint32_t>> FilesOf(const Target& target, const std::stop_token& stop) {
  const Manifest& manifest = *target.dataset.manifest;
  const Kind kind = manifest.At(target.index).kind;
  if (kind == Kind::kFile) return std::vector<uint32_t>{target.index};
  std::vector<uint32_t> files;
  if (kind == Kind::kLink) return files;
  const bool all =
      EachBelow(manifest, target.index, [&](uint32_t index, const ManifestEntry& entry) {
        if (entry.kind == Kind::kFile) files.push_back(index);
        return !stop.stop_requested();
      });
  if (!all) return Error{Code::kCancelled, "stopped"};
  return files;
}

bool ByteProgress::Report(uint64_t done, uint64_t total) {
  MutexLock lock(mu_);
  const MonoTime now = std::chrono::steady_clock::now();
  if (gone_ || now - last_ < kProgressPeriod) return !gone_;
  last_ = now;
  gone_ = !tell_(json::Object({{"done", done}, {"total", total}}));
  return !gone_;
}

Result<Target> FindTarget(DataNode& node, const json::Value& request, const Tell& tell,
                          const std::stop_token& stop) {
  Target target;
  if (request.Has("mountpoint")) {
    Result<Dataset> dataset = node.Mounted(BytesFromJson(request["mountpoint"]));
    if (!dataset) return dataset.error();
    target.dataset = std::move(*dataset);
  } else {
    const Result<MountSpec> spec = MountSpec::FromJson(request["spec"]);
    if (!spec) return spec.error();
    MonoTime told;
    const auto progress = [&](const ListingProgress& listed) {
      const MonoTime now = std::chrono::steady_clock::now();
      if (now - told < kProgressPeriod) return;
      told = now;
      (void)tell(json::Object({{"objects", listed.objects}, {"bytes", listed.bytes}}));
    };
    Result<Dataset> dataset = node.List(*spec, progress, stop);
    if (!dataset) return dataset.error();
    target.dataset = std::move(*dataset);
  }
  const std::string path = BytesFromJson(request["path"]);
  const std::optional<uint32_t> index = target.dataset.manifest->FindPath(path);
  if (!index)
    return Error{Code::kNotFound, "there is no " + path + " in " +
                                      std::string(target.dataset.manifest->source()) +
                                      " as it was when it was listed"};
  target.index = *index;
  return target;
}

Result<json::Value> ListEntries(DataNode& node, const Target& target, bool recursive,
                                const Tell& tell, const std::stop_token& stop) {
  const Manifest& manifest = *target.dataset.manifest;
  const ManifestEntry top = manifest.At(target.index);
  const std::string base = manifest.PathOf(target.index);
  Batches batches(tell, "entries");
  Status sent;
  const auto add = [&](uint32_t index, std::string_view name) {
    sent = batches.Add(Row(node, target.dataset, index, name), name.size());
    return sent && !stop.stop_requested();
  };
  if (top.kind != Kind::kDirectory) {
    add(target.index, top.name);
  } else if (recursive) {
    EachBelow(manifest, target.index, [&](uint32_t index, const ManifestEntry&) {
      const std::string path = manifest.PathOf(index);
      return add(index, std::string_view(path).substr(base.empty() ? 0 : base.size() + 1));
    });
  } else {
    for (uint32_t i = 0; i < top.children; ++i)
      if (!add(top.first + i, manifest.At(top.first + i).name)) break;
  }
  if (sent) sent = batches.Flush();
  if (!sent) return sent.error();
  return json::Object({{"source", BytesToJson(manifest.source())}});
}

Result<json::Value> DescribeEntry(DataNode& node, const Target& target,
                                  const std::stop_token& stop) {
  const Manifest& manifest = *target.dataset.manifest;
  const ManifestEntry entry = manifest.At(target.index);
  const std::string path = manifest.PathOf(target.index);
  json::Value described = Row(node, target.dataset, target.index, path);
  described.Set("source", BytesToJson(target.dataset.store->Name() + path));
  described.Set("listedAt", manifest.listed_at());
  if (entry.kind == Kind::kFile) {
    const auto cached = node.cache().Describe(DataNode::VersionOf(target.dataset, target.index).id);
    described.Set("etag", BytesToJson(entry.etag)).Set("open", cached ? cached->open : 0);
    return described;
  }
  const auto files = FilesOf(target, stop);
  if (!files) return files.error();
  uint64_t bytes = 0, cached_bytes = 0, complete = 0;
  for (const uint32_t index : *files) {
    if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    const auto cached = node.cache().Describe(DataNode::VersionOf(target.dataset, index).id);
    const uint64_t size = manifest.At(index).size;
    bytes += size;
    cached_bytes += cached ? cached->cached : 0;
    complete += size == 0 || (cached && cached->cached >= size) ? 1 : 0;
  }
  described.Set("files", files->size()).Set("size", bytes).Set("cached", cached_bytes);
  described.Set("completeFiles", complete);
  if (target.index == 0) described.Set("skipped", manifest.skipped_count());
  return described;
}

Result<json::Value> ListSkipped(const Target& target, const Tell& tell) {
  const Manifest& manifest = *target.dataset.manifest;
  Batches batches(tell, "skipped");
  for (const SkippedKey& skipped : manifest.skipped()) {
    Status sent =
        batches.Add(json::Object({{"key", BytesToJson(skipped.key)}, {"reason", skipped.reason}}),
                    skipped.key.size());
    if (!sent) return sent.error();
  }
  if (auto sent = batches.Flush(); !sent) return sent.error();
  return json::Object({{"skipped", manifest.skipped_count()}});
}

Result<json::Value> CheckCache(DataNode& node, const Tell& tell, const std::stop_token& stop) {
  ByteProgress progress(tell);
  uint64_t checked = 0;
  std::unordered_set<blocks::ObjectId> rotten;
  const Result<blocks::Cache::Scrubbed> scrubbed = node.cache().Scrub(
      0,
      [&](uint64_t done, uint64_t total) {
        checked = done;
        progress.Report(done, total);
      },
      stop, [&](const blocks::ObjectId& id) { rotten.insert(id); });
  if (!scrubbed) return scrubbed.error();
  json::Value directories = json::Array();
  for (const auto& [directory, stats] : node.cache().DirectoryStats())
    directories.Push(BytesToJson(directory.path));
  return json::Object({{"directories", std::move(directories)},
                       {"checkedBytes", checked},
                       {"dropped", scrubbed->dropped},
                       {"skipped", scrubbed->skipped},
                       {"objects", rotten.size()},
                       {"files", NamesOf(node, rotten, stop)}});
}

Result<json::Value> EvictFiles(DataNode& node, const Target& target, const std::stop_token& stop) {
  const auto files = FilesOf(target, stop);
  if (!files) return files.error();
  uint64_t evicted = 0, bytes = 0, in_use = 0;
  const auto evict = [&](const ObjectVersion& version) -> Status {
    if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    const auto cached = node.cache().Describe(version.id);
    if (!cached) return {};
    Status gone = node.cache().Evict(version.id);
    if (!gone && gone.error().code != Code::kConflict) return gone.error().Within(version.key);
    if (gone) node.fetcher().ForgetKept(version.id);
    in_use += gone ? 0 : 1;
    evicted += gone ? 1 : 0;
    bytes += gone ? cached->cached : 0;
    return {};
  };
  Status done;
  for (size_t n = 0; done && n < files->size(); ++n) {
    done = evict(DataNode::VersionOf(target.dataset, (*files)[n]));
  }
  node.cache().Compact();
  if (!done) return done.error();
  return json::Object({{"evicted", evicted}, {"bytes", bytes}, {"inUse", in_use}});
}

Result<json::Value> PinFiles(DataNode& node, const Target& target, bool pin,
                             const std::stop_token& stop) {
  const auto files = FilesOf(target, stop);
  if (!files) return files.error();
  uint64_t done = 0, bytes = 0;
  std::vector<blocks::PinWish> batch;
  std::vector<blocks::ObjectId> ids;
  const auto carry_out = [&]() -> Status {
    const Status status = pin ? node.cache().Pin(batch) : node.cache().Unpin(ids);
    if (!status) {
      return status.error().Within(done == 0 ? "nothing is pinned"
                                             : "after " + std::to_string(done) + " files");
    }
    done += batch.size();
    for (const blocks::PinWish& wish : batch) bytes += wish.size;
    batch.clear();
    ids.clear();
    return {};
  };
  for (const uint32_t index : *files) {
    if (stop.stop_requested()) return Error{Code::kCancelled, "stopped"};
    const ObjectVersion version = DataNode::VersionOf(target.dataset, index);
    batch.push_back({version.id, version.size});
    ids.push_back(version.id);
    if (batch.size() < kPinsAtATime) continue;
    if (auto status = carry_out(); !status) return status.error();
  }
  if (auto status = carry_out(); !status) return status.error();
  return json::Object({{"files", done}, {"bytes", bytes}});
}

}  // namespace leat::datanode
