#include "datanode/operations.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/strings.h"
#include "datanode/json_bytes.h"
#include "datanode/object_operations.h"

namespace leat::datanode {
namespace {

json::Value ValuesOf(const MountStats& stats) {
  json::Value values = json::Object();
  for (const auto& [key, value] : stats.values) {
    const auto number = ParseInt(value);
    values.Set(key, number ? json::Value(*number) : BytesToJson(value));
  }
  return values;
}

json::Value ToJson(const MountStats& stats) {
  return json::Object({{"source", BytesToJson(stats.source)},
                       {"mountpoint", BytesToJson(stats.mountpoint)},
                       {"stats", ValuesOf(stats)}});
}

json::Value ToJson(const blocks::CacheStats& stats) {
  return json::Object({{"limit", stats.limit},
                       {"used", stats.used},
                       {"unlinked", stats.unlinked},
                       {"objects", stats.objects},
                       {"packed", stats.packed},
                       {"pinned", stats.pinned},
                       {"evictions", stats.evictions},
                       {"corruptChunks", stats.corrupt_chunks},
                       {"refused", stats.refused}});
}

json::Value ToJson(const FetcherStats& stats) {
  return json::Object({{"hitBytes", stats.hit_bytes},
                       {"fillBytes", stats.fill_bytes},
                       {"throughBytes", stats.through_bytes},
                       {"stallMs", stats.stall_ms},
                       {"storeErrors", stats.store_errors}});
}

std::string_view TierName(blocks::Tier tier) {
  switch (tier) {
    case blocks::Tier::kMemory:
      return "memory";
    case blocks::Tier::kSsd:
      return "ssd";
    case blocks::Tier::kHdd:
      return "hdd";
  }
  return "";
}

Error Differs(const std::string& what, const std::string& given, const std::string& running) {
  return {
      Code::kConflict,
      "the data node of this cache directory runs with another " + what + ": " + running +
          ", not " + given +
          "; leave the option out, or unmount everything (`leat umount --all`) and mount again"};
}

Status CheckDirectory(const std::string& given, const blocks::CacheDirectory& running) {
  const auto parsed = blocks::CacheDirectory::Parse(given);
  if (!parsed) return parsed.error();
  const bool limit_differs = parsed->limit != 0 && parsed->limit != running.limit;
  const bool tier_differs =
      given.find(",tier=") != std::string::npos && parsed->tier != running.tier;
  if (parsed->path != running.path || limit_differs || tier_differs)
    return Differs(
        "--cache-dir", given,
        running.limit == 0 ? running.path + " (a tenth of its disk)" : running.ToString());
  return {};
}

}  // namespace

Status CheckOptions(const json::Value& given, const DataNodeOptions& running) {
  const json::ArrayItems& directories = given["directories"].Items();
  const std::vector<blocks::CacheDirectory>& ours = running.directories;
  if (directories.size() > ours.size()) {
    return Differs("--cache-dir count", std::to_string(directories.size()),
                   std::to_string(ours.size()));
  }
  for (size_t i = 0; i < directories.size(); ++i) {
    Status same = CheckDirectory(BytesFromJson(directories[i]), ours[i]);
    if (!same) return same;
  }
  const auto memory = static_cast<uint64_t>(given["memory"].AsInt());
  if (memory != 0 && memory != running.memory)
    return Differs("--memory-limit", HumanBytes(memory), HumanBytes(running.memory));
  return {};
}

Result<json::Value> Operations::Do(const json::Value& request, const Tell& tell,
                                   const std::stop_token& stop) {
  const std::string_view op = request["op"].AsString();
  if (op == "mount") return Mount(request, tell, stop);
  if (op == "umount") return Unmount(request);
  if (op == "mounts") return Mounts();
  if (op == "stats") return Stats(request);
  if (op == "fsck") return Fsck(tell, stop);
  if (op == "df") return Df();
  if (op == "top") return Top();

  static constexpr std::string_view kOnObjects[] = {"ls",    "stat", "skipped", "load",
                                                    "evict", "pin",  "unpin"};
  if (std::find(std::begin(kOnObjects), std::end(kOnObjects), op) == std::end(kOnObjects))
    return Error{Code::kUnimplemented, "the data node knows no operation \"" + std::string(op) +
                                           "\": it is older than this leat"};
  if (auto same = CheckOptions(request["options"], options_); !same) return same.error();
  const Result<Target> target = FindTarget(node_, request, tell, stop);
  if (!target) return target.error();
  if (op == "ls") return ListEntries(node_, *target, request["recursive"].AsBool(), tell, stop);
  if (op == "stat") return DescribeEntry(node_, *target, stop);
  if (op == "skipped") return ListSkipped(*target, tell);
  if (op == "load") return LoadFiles(node_, *target, tell, stop);
  if (op == "evict") return EvictFiles(node_, *target, stop);
  return PinFiles(node_, *target, op == "pin", stop);
}

Result<json::Value> Operations::Mount(const json::Value& request, const Tell& tell,
                                      const std::stop_token& stop) {
  if (auto same = CheckOptions(request["options"], options_); !same) return same.error();
  const Result<MountSpec> spec = MountSpec::FromJson(request["spec"]);
  if (!spec) return spec.error();
  if (spec->mountpoint.empty()) return Error{Code::kInvalid, "mount: no mountpoint is named"};
  MonoTime told;
  const auto progress = [&](const ListingProgress& listed) {
    const MonoTime now = std::chrono::steady_clock::now();
    if (now - told < std::chrono::milliseconds(100)) return;
    told = now;
    // A client that went away ends this by `stop`.
    (void)tell(json::Object({{"objects", listed.objects}, {"bytes", listed.bytes}}));
  };
  if (auto mounted = node_.Mount(*spec, progress, stop); !mounted) return mounted.error();

  json::Value done = json::Object();
  for (const MountStats& stats : node_.Mounts())
    if (stats.mountpoint == spec->mountpoint) done = ToJson(stats);
  if (const auto dataset = node_.Mounted(spec->mountpoint); dataset) {
    done.Set("objects", dataset->manifest->files());
    done.Set("bytes", dataset->manifest->bytes());
    done.Set("skipped", dataset->manifest->skipped_count());
  }
  return done;
}

Result<json::Value> Operations::Unmount(const json::Value& request) {
  Status done = node_.Unmount(BytesFromJson(request["mountpoint"]), request["lazy"].AsBool());
  if (!done) return done.error();
  return json::Object();
}

Result<json::Value> Operations::Mounts() const {
  json::Value mounts = json::Array();
  for (const MountStats& stats : node_.Mounts())
    mounts.Push(json::Object(
        {{"source", BytesToJson(stats.source)}, {"mountpoint", BytesToJson(stats.mountpoint)}}));
  return json::Object({{"mounts", std::move(mounts)}});
}

Result<json::Value> Operations::Stats(const json::Value& request) const {
  const std::string mountpoint = BytesFromJson(request["mountpoint"]);
  for (const MountStats& stats : node_.Mounts())
    if (stats.mountpoint == mountpoint) return ToJson(stats);
  return Error{Code::kNotFound, mountpoint + " is no mount of this data node"};
}

Result<json::Value> Operations::Fsck(const Tell& tell, const std::stop_token& stop) {
  ByteProgress progress(tell);
  uint64_t checked = 0;
  const Result<uint64_t> dropped = node_.cache().Scrub(
      0,
      [&](uint64_t done, uint64_t total) {
        checked = done;
        progress.Report(done, total);
      },
      stop);
  if (!dropped) return dropped.error();
  return json::Object({{"checkedBytes", checked}, {"dropped", *dropped}});
}

Result<json::Value> Operations::Df() const {
  json::Value directories = json::Array();
  for (const auto& [directory, stats] : node_.cache().DirectoryStats()) {
    json::Value row = ToJson(stats);
    row.Set("path", BytesToJson(directory.path)).Set("tier", TierName(directory.tier));
    directories.Push(std::move(row));
  }
  return json::Object({{"directories", std::move(directories)}});
}

Result<json::Value> Operations::Top() const {
  json::Value mounts = json::Array();
  for (const MountStats& stats : node_.Mounts()) mounts.Push(ToJson(stats));
  return json::Object({{"workerPid", getpid()},
                       {"supervisorPid", getppid()},
                       {"mounts", std::move(mounts)},
                       {"cache", ToJson(node_.cache().Stats())},
                       {"fetcher", ToJson(node_.fetcher().Stats())}});
}

}  // namespace leat::datanode
