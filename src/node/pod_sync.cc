#include "node/pod_sync.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "api/meta.h"
#include "base/log.h"
#include "io/file.h"
#include "node/container_config.h"
#include "node/pod_log.h"

namespace leat::node {

using reconcile::EventType;
using reconcile::Outcome;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr nanoseconds kRetryStart = seconds(5), kRetryMost = std::chrono::minutes(5);
constexpr size_t kMaxMessage = 4096;
constexpr int kFallbackLines = 80;
constexpr size_t kFallbackBytes = 2048;

bool HasEnded(const json::Value& pod) {
  const std::string_view phase = pod["status"]["phase"].AsString();
  return phase == "Succeeded" || phase == "Failed";
}

// For a file that is bound into containers, which would keep a replaced one. It is never empty
// meanwhile, and takes no more room than the longer of its two texts.
Status WriteInPlace(const std::string& path, const std::string& text) {
  if (const auto present = io::ReadFile(path); present && *present == text) return {};
  auto fd = io::Open(path, O_WRONLY | O_CREAT, 0644);
  if (!fd) return fd.error();
  if (auto written = io::PWriteAll(fd->get(), text, 0); !written) return written;
  if (ftruncate(fd->get(), static_cast<off_t>(text.size())) != 0)
    return io::ErrnoError(errno, "truncate " + path);
  return {};
}

// What the status tells of a run that had ended already.
std::string KnownMessage(const json::Value& status, const std::string& run_id) {
  for (const char* list : {"containerStatuses", "initContainerStatuses"})
    for (const json::Value& entry : status[list].Items())
      for (const char* state : {"state", "lastState"}) {
        const json::Value& ended = entry[state]["terminated"];
        if (ended["containerID"].AsString() == "runc://" + run_id) return ended["message"].Str();
      }
  return "";
}

const json::Value& ContainerNamed(const json::Value& pod, const std::string& name) {
  for (const char* list : {"containers", "initContainers"})
    for (const json::Value& container : pod["spec"][list].Items())
      if (container["name"].AsString() == name) return container;
  static const json::Value kNone;
  return kNone;
}

}  // namespace

struct PodSync::Pod {
  json::Value object;
  std::string uid;
  std::string address;
  Runs runs;
  WaitingReasons waiting;
  bool retry = false;  // something failed that may work later
};

PodSync::PodSync(std::string node_name, PodDirs dirs, api::ObjectClient& client, Clock& clock,
                 ContainerRuntime& runtime, AddressBook& addresses, DataMounter& mounter,
                 LogRotation& logs)
    : node_name_(std::move(node_name)),
      dirs_(std::move(dirs)),
      client_(client),
      clock_(clock),
      runtime_(runtime),
      addresses_(addresses),
      mounter_(mounter),
      logs_(logs),
      events_(client, clock, "node") {}

Result<Outcome> PodSync::Reconcile(const api::ObjectName& key, const std::stop_token& stop) {
  auto object = client_.Get(api::gvr::kPods, key);
  if (!object && object.error().code == Code::kNotFound) {
    if (auto removed = RemoveOrphans(); !removed) return removed.error();
    return Outcome{};
  }
  if (!object) return object.error();
  if ((*object)["spec"]["nodeName"].AsString() != node_name_) return Outcome{};
  Pod pod{.object = std::move(*object), .uid = {}, .address = {}, .runs = {}, .waiting = {}};
  pod.uid = UidOf(pod.object);
  {
    MutexLock lock(mu_);
    seen_.insert(pod.uid);
  }
  pod.address = addresses_.AddressOf(pod.object);
  auto containers = runtime_.ListContainers(pod.uid);
  if (!containers) return containers.error();
  pod.runs = GroupRuns(std::move(*containers));
  if (api::IsBeingDeleted(pod.object)) return End(pod);
  if (HasEnded(pod.object)) return CleanUp(pod);
  return Run(pod, stop);
}

Status PodSync::Evict(const json::Value& pod, const std::string& message) {
  const json::Value status =
      json::Object({{"phase", "Failed"}, {"reason", "Evicted"}, {"message", message}});
  // Of this very pod as it was measured: not of one that took its name, or has ended, since.
  const json::Value& metadata = pod["metadata"];
  const json::Value same =
      json::Object({{"uid", metadata["uid"]}, {"resourceVersion", metadata["resourceVersion"]}});
  auto patched = client_.Patch(api::gvr::kPods, api::NameOf(pod), api::PatchType::kMerge,
                               json::Object({{"metadata", same}, {"status", status}}), "status");
  if (!patched) return patched.error();
  events_.Record(pod, EventType::kWarning, "Evicted", message);
  return {};
}

// What still runs of a pod that has ended: it was evicted, or Leat died before it had cleaned up.
Result<Outcome> PodSync::CleanUp(Pod& pod) {
  auto ended = EndContainers(pod, clock_.Now());
  if (!ended) return ended.error();
  if (!*ended) return Outcome{std::chrono::milliseconds(20)};
  const std::string phase = pod.object["status"]["phase"].Str();
  if (!pod.runs.empty())
    if (auto written = WriteStatus(pod, phase); !written) return written.error();
  if (auto stopped = StopSandbox(pod.uid); !stopped) return stopped.error();
  return Outcome{};
}

Result<Outcome> PodSync::Run(Pod& pod, const std::stop_token& stop) {
  const PodPlan plan = PlanPod(pod.object, pod.runs, clock_.Now());
  if (plan.finished) {
    const seconds grace(pod.object["spec"]["terminationGracePeriodSeconds"].AsInt(30));
    WallTime last_end{};
    for (const auto& [name, runs] : pod.runs)
      last_end = std::max(last_end, runs.back().finished_at);
    auto ended = EndContainers(pod, last_end + grace);
    if (!ended) return ended.error();
    if (!*ended) return Outcome{seconds(1)};
    if (auto written = WriteStatus(pod, plan.finished); !written) return written.error();
    if (auto stopped = StopSandbox(pod.uid); !stopped) return stopped.error();
    return Outcome{};
  }

  if (auto made = io::MakeDirs(dirs_.Pod(pod.uid), 0700); !made) return made.error();
  if (plan.start.empty()) WriteHosts(pod);
  if (auto started = StartContainers(pod, plan, stop); !started) return started.error();
  if (auto written = WriteStatus(pod, std::nullopt); !written) return written.error();
  Outcome next{plan.look_again};
  if (pod.retry) next.again_after = std::min(next.again_after.value_or(kRetryStart), kRetryStart);
  // What was just started may have ended before anyone watched.
  if (!plan.start.empty() && !pod.retry) next.again_after = std::chrono::milliseconds(50);
  return next;
}

Status PodSync::StartContainers(Pod& pod, const PodPlan& plan, const std::stop_token& stop) {
  // Init containers may work long for what can never run, as the download of a job's input does.
  const bool begins = pod.runs.empty() && !pod.object["spec"]["initContainers"].empty();
  if (begins && !FindImages(pod)) return {};
  auto volumes = PrepareVolumes(pod.object, dirs_, client_, mounter_, stop);
  if (!volumes) {
    // What takes its time has not failed.
    const bool failed = volumes.error().code != Code::kTimeout;
    const char* reason = failed ? "FailedMount" : "ContainerCreating";
    if (failed) events_.Record(pod.object, EventType::kWarning, reason, volumes.error().message);
    for (const PodPlan::Start& start : plan.start)
      pod.waiting[(*start.container)["name"].Str()] = {reason, volumes.error().message};
    pod.retry = true;
  } else if (!plan.start.empty()) {
    std::vector<std::string> message_dirs;
    for (const char* list : {"initContainers", "containers"})
      for (const json::Value& container : pod.object["spec"][list].Items())
        message_dirs.push_back(dirs_.MessageDir(pod.uid, container["name"].Str()));
    auto sandbox =
        runtime_.RunSandbox({.pod_uid = pod.uid,
                             .ns = pod.object["metadata"]["namespace"].Str(),
                             .pod_name = pod.object["metadata"]["name"].Str(),
                             .hostname = HostnameOf(pod.object),
                             .address = pod.address,
                             .hosts_file = dirs_.Hosts(pod.uid),
                             .message_dirs = std::move(message_dirs),
                             .share_pid = pod.object["spec"]["shareProcessNamespace"].AsBool(),
                             .host_pid = pod.object["spec"]["hostPID"].AsBool(),
                             .host_ipc = pod.object["spec"]["hostIPC"].AsBool()});
    if (!sandbox) {
      events_.Record(pod.object, EventType::kWarning, "FailedCreatePodSandBox",
                     sandbox.error().message);
      return sandbox.error();
    }
    WriteHosts(pod);
    for (const PodPlan::Start& start : plan.start) StartContainer(pod, start, *volumes);
    auto containers = runtime_.ListContainers(pod.uid);
    if (!containers) return containers.error();
    pod.runs = GroupRuns(std::move(*containers));
  }
  return {};
}

// What its containers wrote to the file leaves no room for it, perhaps: their loss alone. A pod
// that was started by an earlier Leat may have containers with the one file and with the other.
void PodSync::WriteHosts(const Pod& pod) {
  std::vector<std::string> files;
  if (io::Exists(dirs_.Shared(pod.uid))) files.push_back(dirs_.Hosts(pod.uid));
  if (io::Exists(dirs_.OldHosts(pod.uid))) files.push_back(dirs_.OldHosts(pod.uid));
  if (files.empty()) return;
  const auto peers =
      client_.List(api::gvr::kPods, {.ns = pod.object["metadata"]["namespace"].Str()});
  Status written = peers ? Status() : peers.error();
  for (const std::string& file : files)
    if (written) written = WriteInPlace(file, HostsFile(pod.object, pod.address, peers->items));
  if (!written)
    LogWarning("cannot write a pod's /etc/hosts",
               {{"pod", api::NameOf(pod.object).ToString()}, {"error", written.error()}});
}

bool PodSync::FindImages(Pod& pod) {
  bool all = true;
  for (const char* list : {"initContainers", "containers"})
    for (const json::Value& container : pod.object["spec"][list].Items())
      all = FindImage(pod, container).has_value() && all;
  return all;
}

std::optional<Image> PodSync::FindImage(Pod& pod, const json::Value& container) {
  const std::string name = container["name"].Str();
  if (const auto retry = RetryOf(pod.uid, name); retry) {
    pod.waiting[name] = retry->why;
    pod.retry = true;
    return std::nullopt;
  }
  auto image = runtime_.ResolveImage(container["image"].Str());
  if (image) return *image;
  Wait(pod, name, "ErrImagePull", image.error());
  return std::nullopt;
}

void PodSync::Wait(Pod& pod, const std::string& container, const char* reason, const Error& error) {
  pod.waiting[container] = {reason, error.message};
  pod.retry = true;
  Failed(pod.uid, container, pod.waiting[container]);
  events_.Record(pod.object, EventType::kWarning, "Failed", error.message);
}

void PodSync::StartContainer(Pod& pod, const PodPlan::Start& start, const VolumePaths& volumes) {
  const json::Value& container = *start.container;
  const std::string name = container["name"].Str();
  const auto image = FindImage(pod, container);
  if (!image) return;
  auto config = MakeContainerConfig({.pod = pod.object,
                                     .container = container,
                                     .attempt = start.attempt,
                                     .image = *image,
                                     .volumes = volumes},
                                    dirs_, client_);
  if (!config) return Wait(pod, name, "CreateContainerConfigError", config.error());
  RemoveEarlierRuns(pod, name);
  logs_.Begin(config->log_path);
  const auto began = clock_.Monotonic();
  auto id = runtime_.StartContainer(pod.uid, *config);
  if (!id && id.error().code == Code::kInvalid) {  // counts as a run: policies apply
    events_.Record(
        pod.object, EventType::kWarning, "Failed",
        fmt::format("Error: failed to start container {}: {}", name, id.error().message));
    return;
  }
  if (!id) return Wait(pod, name, "RunContainerError", id.error());
  LogInfo("container started",
          {{"pod", api::NameOf(pod.object).ToString()},
           {"container", name},
           {"attempt", start.attempt},
           {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Monotonic() - began)
                      .count()}});
  events_.Record(pod.object, EventType::kNormal, "Started", "Started container " + name);
}

void PodSync::RemoveEarlierRuns(const Pod& pod, const std::string& container) {
  const auto runs = pod.runs.find(container);
  if (runs == pod.runs.end()) return;
  const ContainerStatus& last = runs->second.back();
  Status removed;
  (void)KeepMessage(pod.uid, last);
  // Its room is the next run's.
  if (io::Exists(dirs_.KeptMessage(pod.uid, last.name, last.attempt)))
    removed = io::Remove(dirs_.TerminationMessage(pod.uid, last.name, last.attempt));
  for (size_t i = 0; i + 1 < runs->second.size(); ++i)
    if (auto done = RemoveRun(pod.uid, runs->second[i]); !done) removed = done;
  if (!removed) LogWarning("cannot remove an earlier run", {{"error", removed.error()}});
}

Status PodSync::RemoveRun(const std::string& uid, const ContainerStatus& run) {
  if (auto removed = RemoveLog(dirs_.Log(uid, run.name, run.attempt)); !removed) return removed;
  for (const std::string& message : {dirs_.TerminationMessage(uid, run.name, run.attempt),
                                     dirs_.OldTerminationMessage(uid, run.name, run.attempt),
                                     dirs_.KeptMessage(uid, run.name, run.attempt)})
    if (auto removed = io::Remove(message); !removed) return removed;
  return runtime_.RemoveContainer(run.id);  // last: as long as it is there, it is tried again
}

std::optional<PodSync::Retry> PodSync::RetryOf(const std::string& uid,
                                               const std::string& container) {
  MutexLock lock(mu_);
  const auto found = retries_.find({uid, container});
  if (found == retries_.end() || clock_.Monotonic() >= found->second.not_before)
    return std::nullopt;
  return found->second;
}

void PodSync::Failed(const std::string& uid, const std::string& container, const Waiting& why) {
  MutexLock lock(mu_);
  Retry& retry = retries_[{uid, container}];
  retry.why = why;
  retry.not_before =
      clock_.Monotonic() + std::min(kRetryStart * (1 << std::min(retry.failures++, 6)), kRetryMost);
}

Result<bool> PodSync::EndContainers(const Pod& pod, WallTime deadline) {
  const bool kill = clock_.Now() >= deadline;
  bool all_ended = true;
  for (const auto& [name, runs] : pod.runs) {
    const ContainerStatus& run = runs.back();
    if (run.state == ContainerState::kExited) continue;
    all_ended = false;
    const Status done = kill ? runtime_.Kill(run.id) : runtime_.Terminate(run.id);
    if (!done) return done.error();
  }
  return all_ended;
}

Result<Outcome> PodSync::End(Pod& pod) {
  const auto deadline = ParseTime(pod.object["metadata"]["deletionTimestamp"].AsString());
  const WallTime by = deadline ? *deadline : clock_.Now();
  auto ended = EndContainers(pod, by);
  if (!ended) return ended.error();
  if (!*ended) {
    const nanoseconds left = by - clock_.Now();
    return Outcome{std::clamp<nanoseconds>(left, std::chrono::milliseconds(20), seconds(1))};
  }
  // Watchers see how it ended before the object goes.
  const PodPlan plan = PlanPod(pod.object, pod.runs, clock_.Now());
  const bool began = !pod.runs.empty() && !HasEnded(pod.object);
  if (began)
    if (auto written =
            WriteStatus(pod, plan.finished ? plan.finished : std::optional<std::string>("Failed"));
        !written && written.error().code != Code::kNotFound)
      return written.error();
  if (auto forgotten = Forget(pod.uid); !forgotten) return forgotten.error();
  auto deleted = client_.Delete(api::gvr::kPods, api::NameOf(pod.object),
                                {.grace_period_seconds = 0, .uid = pod.uid});
  if (!deleted && deleted.error().code != Code::kNotFound &&
      deleted.error().code != Code::kConflict)
    return deleted.error();
  return Outcome{};
}

Status PodSync::StopSandbox(const std::string& uid) {
  if (auto stopped = runtime_.StopSandbox(uid); !stopped) return stopped;
  return UnmountData(dirs_.Pod(uid));
}

Status PodSync::Release(const std::string& uid) {
  if (auto stopped = runtime_.StopSandbox(uid); !stopped) return stopped;
  mounter_.GiveUp(dirs_.Pod(uid));
  return ReleaseVolumes(uid, dirs_);
}

Status PodSync::Forget(const std::string& uid) {
  if (auto released = Release(uid); !released) return released;
  if (auto removed = runtime_.RemoveSandbox(uid); !removed) return removed;
  if (auto removed = io::RemoveTree(dirs_.Pod(uid)); !removed) return removed;
  if (auto removed = io::RemoveTree(dirs_.Logs(uid)); !removed) return removed;
  addresses_.Forget(uid);
  MutexLock lock(mu_);
  std::erase_if(retries_, [&](const auto& entry) { return entry.first.first == uid; });
  seen_.erase(uid);
  return {};
}

Status PodSync::SetAside(const std::string& uid) {
  if (auto released = Release(uid); !released) return released;
  const auto parts = {std::pair(dirs_.Pod(uid) + "/volumes", "/volumes"),
                      std::pair(dirs_.Logs(uid), "/logs")};
  std::string place = dirs_.LostAndFound() + "/" + uid;
  const auto taken = [&](const auto& part) {
    return io::Exists(part.first) && io::Exists(place + part.second);
  };
  for (int n = 2; std::any_of(parts.begin(), parts.end(), taken); ++n)
    place = fmt::format("{}/{}.{}", dirs_.LostAndFound(), uid, n);
  for (const auto& [from, name] : parts) {
    if (!io::Exists(from)) continue;
    if (auto made = io::MakeDirs(place, 0700); !made) return made;
    if (auto moved = io::Rename(from, place + name); !moved) return moved;
  }
  LogWarning(
      "the API knows no such pod: its containers are ended, its volumes and logs are kept; "
      "remove them when nobody misses them",
      {{"uid", uid}, {"in", place}});
  return Forget(uid);
}

Result<std::vector<std::string>> PodSync::FindOrphans() {
  auto present = runtime_.ListSandboxes();
  if (!present) return present.error();
  const auto dirs = io::ListDir(dirs_.Root());
  if (!dirs && dirs.error().code != Code::kNotFound) return dirs.error();
  if (dirs) present->insert(present->end(), dirs->begin(), dirs->end());
  // After what is here: what comes meanwhile belongs to pods that come meanwhile.
  auto pods = client_.List(api::gvr::kPods, {.field_selector = "spec.nodeName=" + node_name_});
  if (!pods) return pods.error();
  std::set<std::string> orphans(present->begin(), present->end());
  MutexLock lock(mu_);
  for (const json::Value& pod : pods->items) {
    orphans.erase(UidOf(pod));
    seen_.insert(UidOf(pod));
  }
  return std::vector(orphans.begin(), orphans.end());
}

Status PodSync::RemoveOrphans() {
  const auto orphans = FindOrphans();
  if (!orphans) return orphans.error();
  for (const std::string& uid : *orphans) {
    {
      MutexLock lock(mu_);
      if (!seen_.contains(uid)) continue;
    }
    if (auto forgotten = Forget(uid); !forgotten) return forgotten;
    LogInfo("removed what was left of a deleted pod", {{"uid", uid}});
  }
  return {};
}

Status PodSync::KeepOrphans() {
  std::set<std::string> known;  // as of now: who is forgotten meanwhile is none
  {
    MutexLock lock(mu_);
    known = seen_;
  }
  const auto orphans = FindOrphans();
  if (!orphans) return orphans.error();
  std::string failed;
  for (const std::string& uid : *orphans) {
    {
      MutexLock lock(mu_);
      if (known.contains(uid) || seen_.contains(uid)) continue;
    }
    if (auto kept = SetAside(uid); !kept)
      failed += fmt::format("{}{}: {}", failed.empty() ? "" : "; ", uid, kept.error().message);
  }
  if (!failed.empty()) return Error{Code::kInternal, failed};
  return {};
}

std::string PodSync::KeepMessage(const std::string& uid, const ContainerStatus& run) const {
  const std::string keep = dirs_.KeptMessage(uid, run.name, run.attempt);
  if (auto kept = io::ReadFile(keep); kept) return *kept;
  // The file is bound into the container, which can write but not replace it.
  auto fd = io::Open(dirs_.TerminationMessage(uid, run.name, run.attempt), O_RDONLY);
  if (!fd) fd = io::Open(dirs_.OldTerminationMessage(uid, run.name, run.attempt), O_RDONLY);
  if (!fd) return "";
  std::string message(kMaxMessage, '\0');
  const ssize_t size = pread(fd->get(), message.data(), message.size(), 0);
  message.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
  Status written = io::MakeDirs(keep.substr(0, keep.rfind('/')), 0700);
  if (written) written = io::WriteFileAtomic(keep, message);
  if (!written) LogWarning("cannot keep a termination message", {{"error", written.error()}});
  return message;
}

std::string PodSync::TerminationMessage(const Pod& pod, const ContainerStatus& run) const {
  std::string message = KeepMessage(pod.uid, run);
  if (message.empty()) message = KnownMessage(pod.object["status"], run.id);
  const bool fallback =
      ContainerNamed(pod.object, run.name)["terminationMessagePolicy"].AsString() ==
      "FallbackToLogsOnError";
  if (message.empty() && fallback && run.exit_code != 0)
    message = LogTail(dirs_.Log(pod.uid, run.name, run.attempt), kFallbackLines, kFallbackBytes);
  return message;
}

Status PodSync::WriteStatus(const Pod& pod, const std::optional<std::string>& finished) {
  std::map<std::string, std::string> messages;
  for (const auto& [name, runs] : pod.runs)
    for (const ContainerStatus& run : runs)
      if (run.state == ContainerState::kExited) messages[run.id] = TerminationMessage(pod, run);
  const json::Value status = PodStatus({.pod = pod.object,
                                        .runs = pod.runs,
                                        .waiting = pod.waiting,
                                        .messages = messages,
                                        .pod_ip = pod.address,
                                        .host_ip = "127.0.0.1",
                                        .finished = finished},
                                       clock_.Now());
  if (status == pod.object["status"]) return {};
  json::Value updated = pod.object;
  updated.Set("status", status);
  auto written = client_.UpdateStatus(api::gvr::kPods, updated);
  if (!written) return written.error();
  return {};
}

}  // namespace leat::node
