#include "datanode/live_mount.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "datanode/object_version.h"
#include "fuse/mount.h"
#include "io/file.h"
#include "json/value.h"

namespace leat::datanode {
namespace {

constexpr size_t kManifestsKept = 17;
constexpr int kReadAheadKiB = 4096;

int64_t SecondsOf(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

Result<std::shared_ptr<objectstore::ObjectStore>> OpenStore(const MountSpec& spec) {
  objectstore::StoreOptions options = spec.store;
  options.environment = spec.environment;
  auto store = objectstore::OpenObjectStore(spec.source, options);
  if (!store) return store.error();
  return std::shared_ptr<objectstore::ObjectStore>(std::move(*store));
}

std::string MountRecord::ToText() const {
  json::Value files = json::Array();
  for (const std::string& name : manifests) files.Push(name);
  return json::Print(json::Object({{"spec", spec.ToJson()},
                                   {"id", id},
                                   {"directory", directory},
                                   {"manifests", files},
                                   {"mountedAt", mounted_at},
                                   {"agreement", agreement.ToString()}}));
}

Result<MountRecord> MountRecord::Parse(std::string_view text) {
  const auto value = json::Parse(text);
  if (!value) return value.error();
  auto spec = MountSpec::FromJson((*value)["spec"]);
  if (!spec) return spec.error();
  auto agreement = fuse::Agreement::Parse((*value)["agreement"].AsString());
  if (!agreement) return agreement.error();
  MountRecord record{.spec = std::move(*spec),
                     .id = (*value)["id"].Str(),
                     .directory = (*value)["directory"].Str(),
                     .manifests = {},
                     .mounted_at = (*value)["mountedAt"].AsInt(),
                     .agreement = *agreement};
  for (const json::Value& name : (*value)["manifests"].Items()) {
    record.manifests.push_back(name.Str());
  }
  return record;
}

Result<std::unique_ptr<LiveMount>> LiveMount::Serve(
    MountRecord record, std::vector<io::UniqueFd> devices, bool resume,
    const std::unordered_map<fuse::NodeId, int32_t>& backings, Surroundings around,
    std::function<void()> on_end) {
  std::unique_ptr<LiveMount> mounted(new LiveMount(std::move(record), around));
  const MountSpec& spec = mounted->spec();
  MountSpec unseen = spec;
  unseen.store.look = false;  // what is cached is served also while the store cannot be reached
  auto store = OpenStore(unseen);
  if (!store) return store.error();
  mounted->store_ = std::move(*store);
  if (auto opened = mounted->OpenTree(); !opened) return opened.error();

  std::vector<int> fds;
  for (const io::UniqueFd& device : devices) fds.push_back(device.get());
  if (auto kept = around.keeper.Keep("devices:" + spec.mountpoint, "", fds); !kept) {
    return kept.error();
  }
  if (auto kept = mounted->KeepRecord(); !kept) return kept.error();

  LiveMount* self = mounted.get();
  mounted->filesystem_ = std::make_shared<DatasetFilesystem>(
      FilesystemOptions{.name = mounted->record_.id,
                        .control = around.control,
                        .uid = spec.uid,
                        .gid = spec.gid,
                        .file_mode = spec.file_mode,
                        .dir_mode = spec.dir_mode,
                        .version_pin = spec.version_pin,
                        .ttl = spec.ttl ? std::chrono::nanoseconds(*spec.ttl) : fuse::kForever,
                        .mounted_at = mounted->record_.mounted_at},
      DatasetFilesystem::Surroundings{.store = mounted->store_,
                                      .tree = *mounted->tree_,
                                      .fetcher = around.fetcher,
                                      .cache = around.cache,
                                      .keeper = around.keeper,
                                      .stats_text =
                                          [self] {
                                            std::string text;
                                            for (const auto& [key, value] : self->Stats().values) {
                                              text += key + " " + value + "\n";
                                            }
                                            return text;
                                          },
                                      .on_look = [self] { self->LookedAt(); }});
  mounted->session_ = std::make_unique<fuse::Session>(
      fuse::Session::Connection{.devices = std::move(devices),
                                .agreement = mounted->record_.agreement},
      *mounted->filesystem_,
      fuse::SessionOptions{.passthrough = spec.passthrough,
                           // So that somebody who only lists a directory is seen looking, too.
                           .listings = spec.ttl ? fuse::Listings::kFresh : fuse::Listings::kKept});
  mounted->filesystem_->Begin(*mounted->session_, backings);
  mounted->session_->Start(resume);
  mounted->watcher_ = std::jthread([self, on_end](const std::stop_token& stop) {
    self->session_->Wait(stop);
    if (!stop.stop_requested()) on_end();
  });
  if (!resume && ::geteuid() == 0) {
    if (auto set = fuse::SetReadAhead(spec.mountpoint, kReadAheadKiB); !set) {
      LogWarning("the mount keeps the kernel's own read-ahead", {{"error", set.error()}});
    }
  }
  return mounted;
}

LiveMount::~LiveMount() { StopServing(); }

void LiveMount::StopServing() {
  if (watcher_.joinable()) {
    watcher_.request_stop();
    watcher_.join();
  }
  // Not destroyed here: fetch threads may still tell the kernel what became complete.
  if (session_) session_->Stop();
  if (filesystem_) filesystem_->Stop();
}

Status LiveMount::OpenTree() {
  for (const std::string& file : record_.manifests) {
    auto manifest = Manifest::Open(PathOf(file));
    if (!manifest) return manifest.error();
    listed_at_ = (*manifest)->listed_at();
    if (tree_) {
      tree_->Replace(std::move(*manifest));
    } else {
      tree_ = std::make_unique<Tree>(std::move(*manifest));
    }
  }
  if (!tree_) return Error{Code::kCorrupt, record_.directory + ": there is no manifest"};
  if (auto read = tree_->ReadAmendments(PathOf("amendments")); !read) return read;
  for (const uint64_t id : tree_->Gone()) gone_.Add(id, around_.clock.Monotonic());
  return {};
}

Status LiveMount::KeepRecord() {
  return around_.keeper.Keep("mount:" + spec().mountpoint, record_.ToText());
}

void LiveMount::LookedAt() {
  if (!spec().ttl || listing_again_) return;
  if (SecondsOf(around_.clock.Now()) - listed_at_ < spec().ttl->count()) return;
  if (listing_again_.exchange(true)) return;
  if (!tasks_.Post([this](const std::stop_token& stop) {
        ListAgain(stop);
        listing_again_ = false;
      })) {
    listing_again_ = false;
  }
}

void LiveMount::ListAgain(const std::stop_token& stop) {
  const WallTime now = around_.clock.Now();
  const std::string file =
      fmt::format("manifest-{}", std::chrono::nanoseconds(now.time_since_epoch()).count());
  const auto listed = ListSource(
      *store_, PathOf(file), tree_->manifest(), SecondsOf(now), [](const ListingProgress&) {},
      stop);
  auto manifest = listed ? Manifest::Open(PathOf(file)) : listed.error();
  // Until the next attempt, a TTL from now, what was there goes on being shown.
  listed_at_ = SecondsOf(around_.clock.Now());
  if (!manifest) {
    LogWarning("the source could not be listed again; what was listed before goes on being shown",
               {{"mount", spec().mountpoint}, {"error", manifest.error()}});
    return;
  }
  if (!BelievesIn(**manifest)) {
    (void)io::Remove(PathOf(file));
    return;
  }
  const std::vector<Change> changes = tree_->ChangesTo(**manifest);
  // Kept before it is shown: a successor must know every id that the kernel was told.
  if (!changes.empty() && KeepManifest(file)) {
    tree_->Replace(std::move(*manifest));
    filesystem_->Invalidate(changes);
  } else {
    (void)io::Remove(PathOf(file));
  }
  RecheckAmended(stop);
}

// A web server's page without links may as well say that the server is being looked after.
bool LiveMount::BelievesIn(const Manifest& manifest) {
  if (!spec().source.starts_with("http")) return true;
  const MonoTime now = around_.clock.Monotonic();
  std::map<std::string, MonoTime> since;
  bool believed = true;
  for (const std::string& directory : EmptiedDirectories(*tree_->manifest(), manifest)) {
    const auto seen = empty_since_.find(directory);
    const MonoTime first = seen == empty_since_.end() ? now : seen->second;
    since.emplace(directory, first);
    if (first < now && now - first >= spec().store.retry_for) continue;
    if (believed) {
      LogWarning(
          "a page shows no files any more; what was listed before goes on being shown until it "
          "has shown none for as long as --retry-for",
          {{"mount", spec().mountpoint}, {"directory", directory + "/"}});
    }
    believed = false;
  }
  empty_since_ = std::move(since);
  return believed;
}

bool LiveMount::KeepManifest(const std::string& file) {
  const std::vector<std::string> before = record_.manifests;
  record_.manifests.push_back(file);
  if (record_.manifests.size() > kManifestsKept) record_.manifests.erase(record_.manifests.begin());
  if (auto kept = KeepRecord(); !kept) {
    LogWarning("a new listing cannot be kept, and is not shown", {{"error", kept.error()}});
    record_.manifests = before;
    return false;
  }
  if (before.size() == kManifestsKept) ::unlink(PathOf(before.front()).c_str());
  return true;
}

Result<std::optional<Change>> LiveMount::Recheck(const TreeEntry& entry,
                                                 const std::stop_token& stop) {
  const auto info = store_->Head(entry.key, stop);
  if (!info && info.error().code != Code::kNotFound) return info.error();
  if (info && info->etag == entry.etag && info->size == entry.size)
    return std::optional<Change>();  // it is not
  auto change =
      tree_->Amend(entry.id, info ? std::optional(*info) : std::nullopt, PathOf("amendments"));
  if (!change) return change.error();
  if (!info) gone_.Add(entry.id, around_.clock.Monotonic());
  LogInfo("an object is another one now",
          {{"key", entry.key}, {"size", info ? std::to_string(info->size) : "gone"}});
  return std::optional(std::move(*change));
}

void LiveMount::RecheckAmended(const std::stop_token& stop) {
  const MonoTime now = around_.clock.Monotonic();
  gone_.AllDue(now);
  std::vector<Change> changes = gone_.Look(*tree_, *store_, PathOf("amendments"), now, stop);
  for (const TreeEntry& entry : tree_->ShownAmended()) {
    auto change = Recheck(entry, stop);
    if (!change) break;  // the next listing asks again
    if (*change) changes.push_back(std::move(**change));
  }
  filesystem_->Invalidate(changes);
}

void LiveMount::OnChanged(const ObjectVersion& version) {
  const auto key = KeyIn(*store_, version);
  if (!key) return;
  filesystem_->OnChanged(version);
  if (spec().version_pin) return;
  (void)tasks_.Post([this, key = *key, etag = version.etag](const std::stop_token& stop) {
    const auto entry = tree_->FindPath(key);
    if (!entry) return;
    if (entry->etag != etag) {  // known already; the kernel may not be, after a crash
      filesystem_->InvalidatePath(key);
      return;
    }
    const auto change = Recheck(*entry, stop);  // after an error the next read asks again
    if (change && *change) filesystem_->Invalidate({**change});
  });
}

void LiveMount::LookForGone() {
  if (gone_.empty() || looking_for_gone_.exchange(true)) return;
  const bool posted = tasks_.Post([this](const std::stop_token& stop) {
    filesystem_->Invalidate(
        gone_.Look(*tree_, *store_, PathOf("amendments"), around_.clock.Monotonic(), stop));
    looking_for_gone_ = false;
  });
  if (!posted) looking_for_gone_ = false;
}

MountStats LiveMount::Stats() const {
  const auto manifest = tree_->manifest();
  const FilesystemStats files = filesystem_->Stats();
  const FetcherStats fetches = around_.fetcher.Stats();
  const blocks::CacheStats cache = around_.cache.Stats();
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(around_.clock.Monotonic() - started_);
  MountStats stats{.source = spec().source, .mountpoint = spec().mountpoint, .values = {}};
  const auto add = [&](std::string key, uint64_t value) {
    stats.values.emplace_back(std::move(key), std::to_string(value));
  };
  add("worker_pid", static_cast<uint64_t>(::getpid()));
  add("supervisor_pid", static_cast<uint64_t>(::getppid()));
  add("uptime_s", static_cast<uint64_t>(uptime.count()));
  add("passthrough", session_->passthrough() ? 1 : 0);
  add("objects", manifest->files());
  add("object_bytes", manifest->bytes());
  add("skipped_keys", manifest->skipped_count());
  add("cached_bytes", cache.used);
  add("cache_limit", cache.limit);
  add("fuse_reads", files.reads);
  add("fuse_read_bytes", files.read_bytes);
  add("opens", files.opens);
  add("passthrough_opens", files.passthrough_opens);
  add("hit_bytes", fetches.hit_bytes);
  add("fill_bytes", fetches.fill_bytes);
  add("through_bytes", fetches.through_bytes);
  add("stall_ms",
      static_cast<uint64_t>(filesystem_->readers().Total().stall / std::chrono::milliseconds(1)));
  add("evictions", cache.evictions);
  add("refused", cache.refused);
  add("corrupt_chunks", cache.corrupt_chunks);
  add("store_errors", fetches.store_errors);
  add("hedges", fetches.hedges);
  return stats;
}

}  // namespace leat::datanode
