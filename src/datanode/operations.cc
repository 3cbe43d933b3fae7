#include "datanode/operations.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/strings.h"
#include "datanode/empty_source.h"
#include "datanode/json_bytes.h"
#include "datanode/metrics_text.h"
#include "datanode/object_operations.h"
#include "datanode/record_trace.h"
#include "fuse/mount.h"

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

json::Value ToJson(const MountReaders::Reader& reader) {
  const ReaderStats& stats = reader.stats;
  return json::Object(
      {{"pid", uint64_t{stats.pid}},
       {"command", BytesToJson(stats.command)},
       {"opens", stats.opens},
       {"passthroughOpens", stats.passthrough_opens},
       {"reads", stats.reads},
       {"readBytes", stats.read_bytes},
       {"hits", stats.hits},
       {"stallMs", std::chrono::duration_cast<std::chrono::milliseconds>(stats.stall).count()},
       {"file", BytesToJson(reader.path)}});
}

// One message each of what may be more than a message takes.
Status TellReaders(const MountReaders& readers, const Tell& tell) {
  constexpr size_t kMostBytes = 64 << 10;
  json::Value rows = json::Array();
  size_t bytes = 0;
  const auto flush = [&] {
    bytes = 0;
    return tell(json::Object({{"mountpoint", BytesToJson(readers.mountpoint)},
                              {"processes", std::exchange(rows, json::Array())}}));
  };
  for (const MountReaders::Reader& reader : readers.processes) {
    bytes += 400 + reader.path.size() * 6;  // as many when each must be escaped
    rows.Push(ToJson(reader));
    if (bytes < kMostBytes) continue;
    if (Status sent = flush(); !sent) return sent;
  }
  return flush();
}

Error Differs(const std::string& what, const std::string& given, const std::string& running) {
  return {Code::kConflict, "the data node of this cache directory runs with another " + what +
                               ": " + running + ", not " + given};
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

Error NothingToLoad(const Target& target, const json::Value& asked, const std::stop_token& stop) {
  if (const auto spec = MountSpec::FromJson(asked); spec)
    return {Code::kNotFound, WhyEmpty(*spec, stop)};
  return {Code::kNotFound, "no objects were found under " +
                               std::string(target.dataset.manifest->source()) +
                               " when it was listed: check bucket and prefix"};
}

// A web server's page without links is an empty directory, or a server that wants a login.
void WarnOfEmptyPages(const Manifest& manifest, json::Value& warnings) {
  constexpr size_t kNamed = 3;
  size_t count = 0;
  std::string names;
  for (uint32_t index = 1; index < manifest.size(); ++index) {
    const ManifestEntry entry = manifest.At(index);
    if (entry.kind != Kind::kDirectory || entry.children > 0) continue;
    if (++count <= kNamed) names += (count > 1 ? ", " : "") + manifest.PathOf(index) + "/";
  }
  if (count == 0) return;
  if (count > kNamed) names += ", ...";
  warnings.Push(BytesToJson(std::to_string(count) +
                            " directories are shown empty, since no page with links to files came "
                            "for them: " +
                            names + "; if there are files in them, see what the server answers"));
}

// Of directories whose limit their disks cannot hold.
void WarnOfFullDisks(DataNode& node, const DataNodeOptions& options, json::Value& warnings) {
  for (const auto& [directory, stats] : node.cache().DirectoryStats()) {
    const bool given = std::any_of(options.directories.begin(), options.directories.end(),
                                   [&path = directory.path](const auto& each) {
                                     return each.path == path && each.limit != 0;
                                   });
    struct statvfs disk {};
    if (!given || ::statvfs(directory.path.c_str(), &disk) != 0) continue;
    const uint64_t room = stats.used + uint64_t{disk.f_bavail} * disk.f_frsize;
    if (stats.limit <= room) continue;
    warnings.Push(BytesToJson("--cache-dir " + directory.path + ": its size is " +
                              HumanBytes(stats.limit) + ", and its disk has room for " +
                              HumanBytes(room) +
                              " of it: what finds no room is read without being cached"));
  }
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
  {
    MutexLock lock(mu_);
    if (leaving_)
      return Error{Code::kUnavailable,
                   "this data node is ending, since one with other options is wanted; try again"};
    if (request["op"].AsString() == "leave") return Leave(request);
    ++under_way_;
  }
  const Status same = CheckView(request);
  auto done = same ? Carry(request, tell, stop) : Result<json::Value>(same.error());
  MutexLock lock(mu_);
  --under_way_;
  return done;
}

// Paths of a client in another container may lead to other files here, or to other mounts.
Status Operations::CheckView(const json::Value& request) const {
  if (!HasOtherView(request)) return {};
  if (request["op"].AsString() == "umount")
    return Error{Code::kNotFound, "the data node that serves it does not see this mountpoint"};
  if (!request.Has("spec") && !request.Has("mountpoint")) return {};
  return Error{Code::kConflict,
               fmt::format("the data node of {} (process {}) sees other files than this command: "
                           "it runs in another mount namespace or root directory, as another "
                           "container or the host has it; choose another --cache-dir here, or run "
                           "the command there",
                           options_.directories[0].path, getpid())};
}

bool Operations::HasOtherView(const json::Value& request) const {
  const std::string_view view = request["view"].AsString();  // an older client tells none
  return !view.empty() && !view_.empty() && view != view_;
}

bool Operations::leaving() const {
  MutexLock lock(mu_);
  return leaving_;
}

json::Value Operations::Leave(const json::Value& request) {
  const bool differ = HasOtherView(request) || !CheckOptions(request["options"], options_);
  leaving_ = differ && under_way_ == 0 && node_.empty();
  return json::Object({{"again", leaving_ || !differ}});
}

// Tells who is in the way.
Status Operations::CheckOptionsOf(const json::Value& request) const {
  constexpr size_t kMostNames = 5;
  Status same = CheckOptions(request["options"], options_);
  if (same) return same;
  Error error = same.error();
  const std::vector<MountStats> mounts = node_.Mounts();
  const std::vector<std::string> seen = fuse::LeatMounts();
  std::string what;
  for (size_t i = 0; i < std::min(mounts.size(), kMostNames); ++i) {
    const std::string& path = mounts[i].mountpoint;
    const bool shows = std::find(seen.begin(), seen.end(), path) != seen.end();
    what += what.empty() ? "" : ", ";
    what += shows ? "`leat umount " + path + "`" : "close what is still open of " + path;
  }
  if (mounts.empty()) what = "wait for the leat command that is at work there";
  if (mounts.size() > kMostNames)
    what += " and unmount " + std::to_string(mounts.size() - kMostNames) + " others";
  error.message += "; leave the option out, or first " + what;
  return error;
}

Result<json::Value> Operations::Carry(const json::Value& request, const Tell& tell,
                                      const std::stop_token& stop) {
  const std::string_view op = request["op"].AsString();
  if (op == "mount") return Mount(request, tell, stop);
  if (op == "umount") return Unmount(request);
  if (op == "mounts") return Mounts();
  if (op == "stats") return Stats(request);
  if (op == "fsck") return CheckCache(node_, tell, stop);
  if (op == "df") return Df();
  if (op == "top") return Top(tell);
  if (op == "metrics") return Metrics(tell);
  if (op == "trace") return RecordTrace(node_, request, tell, stop);

  static constexpr std::string_view kOnObjects[] = {"ls",    "stat", "skipped", "load",
                                                    "evict", "pin",  "unpin"};
  if (std::find(std::begin(kOnObjects), std::end(kOnObjects), op) == std::end(kOnObjects))
    return Error{Code::kUnimplemented, "the data node knows no operation \"" + std::string(op) +
                                           "\": it is older than this leat"};
  if (auto same = CheckOptionsOf(request); !same) return same.error();
  const Result<Target> target = FindTarget(node_, request, tell, stop);
  if (!target) return target.error();
  if (op == "ls") return ListEntries(node_, *target, request["recursive"].AsBool(), tell, stop);
  if (op == "stat") return DescribeEntry(node_, *target, stop);
  if (op == "skipped") return ListSkipped(*target, tell);
  if (op == "load" && target->dataset.manifest->files() == 0)
    return NothingToLoad(*target, request["spec"], stop);
  if (op == "load") return LoadFiles(node_, *target, BytesFromJson(request["order"]), tell, stop);
  if (op == "evict") return EvictFiles(node_, *target, stop);
  return PinFiles(node_, *target, op == "pin", stop);
}

Result<json::Value> Operations::Mount(const json::Value& request, const Tell& tell,
                                      const std::stop_token& stop) {
  if (auto same = CheckOptionsOf(request); !same) return same.error();
  const Result<MountSpec> spec = MountSpec::FromJson(request["spec"]);
  if (!spec) return spec.error();
  if (spec->mountpoint.empty()) return Error{Code::kInvalid, "mount: no mountpoint is named"};
  // The client knows only of the directories that it was given.
  std::vector<std::string> directories;
  for (const blocks::CacheDirectory& directory : options_.directories)
    directories.push_back(directory.path);
  if (auto apart = CheckPlaces(*spec, directories); !apart) return apart.error();
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
  json::Value warnings = json::Array();
  for (const MountStats& stats : node_.Mounts())
    if (stats.mountpoint == spec->mountpoint) done = ToJson(stats);
  if (const auto dataset = node_.Mounted(spec->mountpoint); dataset) {
    done.Set("objects", dataset->manifest->files());
    done.Set("bytes", dataset->manifest->bytes());
    done.Set("skipped", dataset->manifest->skipped_count());
    if (dataset->manifest->files() == 0 && dataset->manifest->skipped_count() == 0)
      warnings.Push(BytesToJson(WhyEmpty(*spec, stop)));
    else if (spec->source.starts_with("http"))
      WarnOfEmptyPages(*dataset->manifest, warnings);
  }
  WarnOfFullDisks(node_, options_, warnings);
  done.Set("warnings", std::move(warnings));
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

Result<json::Value> Operations::Df() const {
  json::Value directories = json::Array();
  for (const auto& [directory, stats] : node_.cache().DirectoryStats()) {
    json::Value row = ToJson(stats);
    row.Set("path", BytesToJson(directory.path)).Set("tier", blocks::TierName(directory.tier));
    directories.Push(std::move(row));
  }
  return json::Object({{"directories", std::move(directories)}});
}

Result<json::Value> Operations::Top(const Tell& tell) const {
  for (const MountReaders& readers : node_.Readers())
    if (Status sent = TellReaders(readers, tell); !sent) return sent.error();
  json::Value mounts = json::Array();
  for (const MountStats& stats : node_.Mounts()) mounts.Push(ToJson(stats));
  return json::Object({{"workerPid", getpid()},
                       {"supervisorPid", getppid()},
                       {"mounts", std::move(mounts)},
                       {"cache", ToJson(node_.cache().Stats())},
                       {"fetcher", ToJson(node_.fetcher().Stats())}});
}

Result<json::Value> Operations::Metrics(const Tell& tell) const {
  constexpr size_t kPiece = 16 << 10;  // fits into a message however it is escaped
  const std::string text = MetricsText(node_);
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(at + kPiece, text.size());
    while (end < text.size() && (text[end] & 0xc0) == 0x80) --end;  // no character is cut
    if (Status sent = tell(json::Object({{"text", text.substr(at, end - at)}})); !sent)
      return sent.error();
    at = end;
  }
  return json::Object();
}

}  // namespace leat::datanode
