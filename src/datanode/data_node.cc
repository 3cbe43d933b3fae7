#include "datanode/data_node.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "datanode/control_client.h"
#include "datanode/live_mount.h"
#include "datanode/mount_table.h"
#include "datanode/object_version.h"
#include "fuse/mount.h"
#include "hash/hash.h"
#include "io/file.h"

namespace leat::datanode {
namespace {

// A full round over a terabyte takes a day, and costs a disk a tenth of what one reader does.
constexpr uint64_t kScrubBytesPerSecond = 10 << 20;
constexpr std::chrono::minutes kScrubPause{30};
constexpr std::chrono::seconds kRevisitPause{1};

// How names of manifests begin; their time follows. A pinned mount's has a second name, once it is
// mounted: what later pinned mounts begin with.
constexpr std::string_view kManifest = "manifest-";
constexpr std::string_view kPinnedManifest = "pinned-";

bool IsPinnedManifest(std::string_view name) {
  return name.starts_with(kPinnedManifest) && ParseInt(name.substr(kPinnedManifest.size()));
}

void PinManifest(const std::string& directory, std::string_view file) {
  if (!file.starts_with(kManifest)) return;  // it is pinned
  const std::string from = fmt::format("{}/{}", directory, file);
  const std::string to =
      fmt::format("{}/{}{}", directory, kPinnedManifest, file.substr(kManifest.size()));
  if (::link(from.c_str(), to.c_str()) == 0 || errno == EEXIST) return;
  LogError("what is mounted with --version-pin cannot be kept for the next mount",
           {{"error", io::ErrnoError(errno, "link " + to)}});
}

int64_t SecondsOf(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

struct DataNode::State {
  State(DataNodeOptions o, Keeper& k, Clock& c) : options(std::move(o)), keeper(k), clock(c) {}

  LiveMount::Surroundings Around() {
    return {*cache, *fetcher, keeper, clock, ControlSocketOf(options.directories[0].path)};
  }
  std::string DirectoryOf(const objectstore::ObjectStore& store,
                          const std::string& mountpoint) const;
  struct FirstManifest {
    std::string file;     // in the mount's directory
    bool listed = false;  // now, for this mount
  };
  Result<FirstManifest> ManifestFor(const MountSpec& spec, objectstore::ObjectStore& store,
                                    const std::string& directory,
                                    const std::function<void(const ListingProgress&)>& progress,
                                    const std::stop_token& stop);
  // The directories of mounts that go on.
  std::set<std::string> TakeOver();
  // Removes what is of no mount, now or later: a predecessor may have died while it mounted.
  void RemoveLeftovers(const std::set<std::string>& used) const;
  Status Serve(MountRecord record, std::vector<io::UniqueFd> devices, bool resume,
               const std::unordered_map<fuse::NodeId, int32_t>& backings);
  void Reap(const std::stop_token& stop);
  void Scrub(const std::stop_token& stop);

  const DataNodeOptions options;
  Keeper& keeper;
  Clock& clock;
  std::unique_ptr<blocks::Cache> cache;
  std::unique_ptr<Fetcher> fetcher;  // ends after the mounts, and is stopped before

  MountTable mounts;
  Mutex listing_mu;  // held while a source that need not be mounted is listed
  std::jthread reaper;
  std::jthread scrubber;
  std::jthread revisitor;  // looks for objects that were gone
};

DataNode::DataNode() = default;

Result<std::unique_ptr<DataNode>> DataNode::Start(DataNodeOptions options, Keeper& keeper,
                                                  Clock& clock) {
  std::unique_ptr<DataNode> node(new DataNode());
  node->state_ = std::make_unique<State>(std::move(options), keeper, clock);
  State& state = *node->state_;
  auto cache = blocks::Cache::Open(state.options.directories, clock);
  if (!cache) return cache.error();
  state.cache = std::move(*cache);
  state.fetcher = std::make_unique<Fetcher>(
      *state.cache, FetcherOptions{.memory = state.options.memory},
      Fetcher::Events{.on_changed = [&state](const ObjectVersion& version, const Error& error) {
        for (const auto& mounted : state.mounts.All()) {
          // What is missing may come back: a pinned mount just goes on.
          const bool missing = error.code == Code::kNotFound;
          if (missing && mounted->spec().version_pin) continue;
          mounted->OnChanged(version);
        }
      }});
  state.RemoveLeftovers(state.TakeOver());
  state.reaper = std::jthread([&state](const std::stop_token& stop) { state.Reap(stop); });
  state.scrubber = std::jthread([&state](const std::stop_token& stop) { state.Scrub(stop); });
  state.revisitor = std::jthread([&state](const std::stop_token& stop) {
    while (state.clock.SleepFor(kRevisitPause, stop)) {
      for (const auto& mounted : state.mounts.All()) mounted->LookForGone();
    }
  });
  return node;
}

DataNode::~DataNode() {
  if (!state_) return;
  for (std::jthread* thread : {&state_->reaper, &state_->scrubber, &state_->revisitor}) {
    if (!thread->joinable()) continue;
    thread->request_stop();
    thread->join();
  }
  // First the sessions' threads, so that nothing new is asked; then the fetches, whose answers go
  // nowhere; then the mounts, which hold objects of the fetcher.
  for (const auto& mounted : state_->mounts.All()) mounted->StopServing();
  if (state_->fetcher) state_->fetcher->Stop();
}

std::string DataNode::State::DirectoryOf(const objectstore::ObjectStore& store,
                                         const std::string& mountpoint) const {
  const std::string digest = hash::Digest(
      hash::Algorithm::kSha256, store.Name() + "\n" + store.Endpoint() + "\n" + mountpoint);
  return options.directories[0].path + "/mounts/" + HexEncode(digest.substr(0, 8));
}

// The file in `directory` that the mount begins with: kept by a pinned mount, for a pinned mount,
// or listed now. What else earlier mounts left there is removed: it is of no use any more, since
// its ids are others.
Result<DataNode::State::FirstManifest> DataNode::State::ManifestFor(
    const MountSpec& spec, objectstore::ObjectStore& store, const std::string& directory,
    const std::function<void(const ListingProgress&)>& progress, const std::stop_token& stop) {
  if (auto made = io::MakeDirs(directory, 0700); !made) return made.error();
  const auto left = io::ListDir(directory);
  if (!left) return left.error();
  FirstManifest first;
  auto& [file, listed_now] = first;
  for (const std::string& name : *left) {
    if (!spec.version_pin || !IsPinnedManifest(name)) continue;
    const std::string path = directory + "/" + name;
    if (auto opened = Manifest::Open(path); !opened) {
      if (opened.error().code != Code::kCorrupt) return opened.error();
      return opened.error().Within(
          "what the pinned mount showed is damaged: mount once without "
          "--version-pin, or remove " +
          path + ", to pin what is there now");
    }
    file = name;
  }
  if (file.empty()) {
    const WallTime now = clock.Now();
    listed_now = true;
    file = fmt::format("{}{}", kManifest, std::chrono::nanoseconds(now.time_since_epoch()).count());
    auto listed =
        ListSource(store, directory + "/" + file, nullptr, SecondsOf(now), progress, stop);
    if (!listed) return listed.error();
  }
  for (const std::string& name : *left) {
    if (name != file) (void)io::Remove(directory + "/" + name);
  }
  return first;
}

Status DataNode::Mount(const MountSpec& spec,
                       const std::function<void(const ListingProgress&)>& progress,
                       const std::stop_token& stop) {
  if (auto taken = state_->mounts.Take(spec.mountpoint, stop); !taken) return taken.error();
  std::string unused;  // a manifest that no later mount may begin with, should this one fail
  const auto give_up = [&](const Error& error) {
    if (!unused.empty()) (void)io::Remove(unused);
    state_->mounts.Release(spec.mountpoint);
    return error;
  };
  MountSpec unseen = spec;  // its listing will tell whether it is there, if one is needed
  unseen.store.look = false;
  auto store = OpenStore(unseen);
  if (!store) return give_up(store.error());
  MountRecord record{.spec = spec,
                     .id = RandomHex(16),
                     .directory = state_->DirectoryOf(**store, spec.mountpoint),
                     .manifests = {},
                     .mounted_at = SecondsOf(state_->clock.Now()),
                     .agreement = {}};
  auto manifest = state_->ManifestFor(spec, **store, record.directory, progress, stop);
  if (!manifest) return give_up(manifest.error());
  if (manifest->listed) unused = record.directory + "/" + manifest->file;
  record.manifests = {std::move(manifest->file)};
  auto device = fuse::Mount(
      {.source = spec.source, .mountpoint = spec.mountpoint, .allow_other = spec.allow_other});
  if (!device) return give_up(device.error());
  auto connection = fuse::Session::Connect(std::move(*device), {.passthrough = spec.passthrough});
  Status served = connection ? Status() : Status(connection.error());
  if (connection) {
    record.agreement = connection->agreement;
    served = state_->Serve(std::move(record), std::move(connection->devices), false, {});
  }
  if (!served) {
    (void)fuse::Unmount(spec.mountpoint, true);
    (void)state_->keeper.Forget("mount:" + spec.mountpoint);
    (void)state_->keeper.Forget("devices:" + spec.mountpoint);
    return give_up(served.error());
  }
  return {};
}

Status DataNode::State::Serve(MountRecord record, std::vector<io::UniqueFd> devices, bool resume,
                              const std::unordered_map<fuse::NodeId, int32_t>& backings) {
  const std::string mountpoint = record.spec.mountpoint;
  const std::string id = record.id;
  const std::string directory = record.directory;
  const std::string pin = record.spec.version_pin ? record.manifests.back() : "";
  auto mounted = LiveMount::Serve(std::move(record), std::move(devices), resume, backings, Around(),
                                  [this, id] { mounts.Ended(id); });
  if (!mounted) return mounted.error();
  PinManifest(directory, pin);
  mounts.Put(mountpoint, id, std::move(*mounted));
  return {};
}

std::set<std::string> DataNode::State::TakeOver() {
  std::vector<Kept> kept = keeper.TakeKept();
  std::set<std::string> used;  // names of what mounts go on with
  std::set<std::string> directories;
  for (Kept& one : kept) {
    if (!one.name.starts_with("mount:")) continue;
    const std::string mountpoint = one.name.substr(6);
    auto record = MountRecord::Parse(one.text);
    // By the mount's own id: one that was there before may have left ids of another connection.
    const std::string prefix = record ? "backing:" + record->id + ":" : "-";
    std::unordered_map<fuse::NodeId, int32_t> backings;
    std::vector<io::UniqueFd> devices;
    const std::string directory = record ? record->directory : "";
    std::vector<std::string> names = {one.name, "devices:" + mountpoint};
    for (Kept& other : kept) {
      if (other.name == "devices:" + mountpoint) devices = std::move(other.fds);
      if (!other.name.starts_with(prefix)) continue;
      names.push_back(other.name);
      const auto node = ParseInt(std::string_view(other.name).substr(prefix.size()));
      const auto id = ParseInt(other.text);
      if (node && id) backings[static_cast<fuse::NodeId>(*node)] = static_cast<int32_t>(*id);
    }
    const Status served =
        record && !devices.empty()
            ? Serve(std::move(*record), std::move(devices), true, backings)
            : Status(record ? Error{Code::kNotFound, "its descriptors are gone"} : record.error());
    if (served) {
      used.insert(names.begin(), names.end());
      directories.insert(directory);
      LogInfo("a mount goes on", {{"mountpoint", mountpoint}});
    } else {
      LogError("a mount cannot go on and is detached",
               {{"mountpoint", mountpoint}, {"error", served.error()}});
      (void)fuse::Unmount(mountpoint, true);
    }
  }
  for (const Kept& one : kept) {
    if (!used.contains(one.name)) (void)keeper.Forget(one.name);
  }
  return directories;
}

void DataNode::State::RemoveLeftovers(const std::set<std::string>& used) const {
  const std::string mounts_directory = options.directories[0].path + "/mounts";
  const auto directories = io::ListDir(mounts_directory);
  for (const std::string& name : directories ? *directories : std::vector<std::string>()) {
    const std::string directory = mounts_directory + "/" + name;
    const auto files = io::ListDir(directory);
    if (!files || used.contains(directory)) continue;
    for (const std::string& file : *files) {
      const bool half_pinned = file.starts_with(kPinnedManifest) && !IsPinnedManifest(file);
      if (file.starts_with(kManifest) || half_pinned || file == "amendments")
        (void)io::Remove(directory + "/" + file);
    }
  }
}

void DataNode::State::Reap(const std::stop_token& stop) {
  while (auto ended = mounts.WaitForEnded(stop)) {
    // Opens that wait for a check would have more kept.
    ended->mounted->StopServing();
    ended->mounted->filesystem().ForgetBackings();
    ended->mounted.reset();
    (void)keeper.Forget("mount:" + ended->mountpoint);
    (void)keeper.Forget("devices:" + ended->mountpoint);
    mounts.Release(ended->mountpoint);
    LogInfo("a mount has ended", {{"mountpoint", ended->mountpoint}});
  }
}

void DataNode::State::Scrub(const std::stop_token& stop) {
  cache->Compact(stop);  // what the last process did not come to; the mounts go on before
  while (clock.SleepFor(kScrubPause, stop)) {
    const auto scrubbed = cache->Scrub(
        kScrubBytesPerSecond, [](uint64_t, uint64_t) {}, stop);
    if (scrubbed && scrubbed->dropped > 0) {
      LogWarning("rot was found in the cache; what it hit will be fetched again",
                 {{"chunks", scrubbed->dropped}});
    }
    if (scrubbed && scrubbed->skipped > 0) {
      LogWarning("files of the cache cannot be opened and were not checked",
                 {{"objects", scrubbed->skipped}});
    }
  }
}

Status DataNode::Unmount(const std::string& mountpoint, bool lazy) {
  if (!state_->mounts.IsTaken(mountpoint)) {
    return Error{Code::kNotFound, mountpoint + ": is not a mount of this cache directory"};
  }
  const Status done = fuse::Unmount(mountpoint, lazy);
  if (!done || lazy) return done;
  // So that the mountpoint can be used again at once. The kernel tells the session in no time.
  state_->mounts.WaitUntilReleased(mountpoint, std::chrono::seconds(10));
  return {};
}

std::vector<MountStats> DataNode::Mounts() const {
  std::vector<MountStats> all;
  for (const auto& mounted : state_->mounts.All()) all.push_back(mounted->Stats());
  return all;
}

std::vector<MountReaders> DataNode::Readers() const {
  std::vector<MountReaders> all;
  for (const auto& mounted : state_->mounts.All()) {
    const ReaderTable& table = mounted->filesystem().readers();
    MountReaders readers{.source = mounted->spec().source,
                         .mountpoint = mounted->spec().mountpoint,
                         .total = table.Total(),
                         .processes = {}};
    for (ReaderStats& stats : table.Processes()) {
      const auto file = mounted->tree().Find(stats.last_opened);
      readers.processes.push_back({std::move(stats), file ? file->key : ""});
    }
    all.push_back(std::move(readers));
  }
  return all;
}

Result<std::shared_ptr<AccessTrace>> DataNode::TraceOf(const std::string& mountpoint) const {
  const auto found = state_->mounts.Find(mountpoint);
  if (!found) {
    return Error{Code::kNotFound, mountpoint + ": is not a mount of this cache directory"};
  }
  return found->filesystem().trace();
}

std::string DataNode::PathOf(const std::string& mountpoint, uint64_t file) const {
  const auto found = state_->mounts.Find(mountpoint);
  if (!found) return "";
  const auto entry = found->tree().Find(file);
  return entry ? entry->key : "";
}

bool DataNode::empty() const { return state_->mounts.empty(); }

void DataNode::Drain(const std::stop_token& stop) {
  for (const auto& mounted : state_->mounts.All()) {
    (void)fuse::Unmount(mounted->spec().mountpoint, true);
  }
  state_->mounts.WaitUntilEmpty(stop);
}

Result<Dataset> DataNode::Mounted(const std::string& mountpoint) const {
  const auto found = state_->mounts.Find(mountpoint);
  if (!found) {
    return Error{Code::kNotFound, mountpoint + ": is not a mount of this cache directory"};
  }
  return Dataset{found->store(), found->tree().manifest()};
}

Result<Dataset> DataNode::List(const MountSpec& spec,
                               const std::function<void(const ListingProgress&)>& progress,
                               const std::stop_token& stop) {
  auto store = OpenStore(spec);
  if (!store) return store.error();
  const std::string directory = state_->DirectoryOf(**store, "");
  if (auto made = io::MakeDirs(directory, 0700); !made) return made.error();
  MutexLock one_at_a_time(state_->listing_mu);
  const std::string path = directory + "/listing";
  const auto listed =
      ListSource(**store, path, nullptr, SecondsOf(state_->clock.Now()), progress, stop);
  if (!listed) return listed.error();
  auto manifest = Manifest::Open(path);
  if (!manifest) return manifest.error();
  return Dataset{std::move(*store), std::move(*manifest)};
}

ObjectVersion DataNode::VersionOf(const Dataset& dataset, uint32_t index) {
  const ManifestEntry entry = dataset.manifest->At(index);
  return VersionIn(dataset.store, dataset.manifest->PathOf(index), std::string(entry.etag),
                   entry.size);
}

blocks::Cache& DataNode::cache() { return *state_->cache; }
Fetcher& DataNode::fetcher() { return *state_->fetcher; }

}  // namespace leat::datanode
