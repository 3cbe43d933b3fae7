#include "node/node.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "api/meta.h"
#include "base/log.h"
#include "base/strings.h"
#include "client/informer.h"
#include "io/file.h"
#include "node/addresses.h"
#include "node/image_catalogue.h"
#include "node/log_rotation.h"
#include "node/pod_dirs.h"
#include "node/pod_log.h"
#include "node/pod_sync.h"
#include "node/registration.h"
#include "node/runc_runtime.h"
#include "node/volumes.h"

namespace leat::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Pods whose sync blocks (a container that is slow to start or to die) must not hold up the others.
constexpr int kWorkers = 16;
constexpr seconds kHousekeeping{10};
constexpr seconds kReadyStep{2};

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return Lower(*name == '\0' ? "leat" : name);
}

std::string RuntimeDir(const Options& options) { return options.data_dir + "/runtime"; }

class EmbeddedNode : public Node {
 public:
  EmbeddedNode(const Options& options, std::string name, api::ObjectClient& client, Clock& clock)
      : name_(std::move(name)),
        clock_(clock),
        client_(client),
        dirs_(options.data_dir, RunDir(RuntimeDir(options))),
        catalogue_(client, clock),
        runtime_(MakeRuncRuntime({.dir = RuntimeDir(options), .programs_dir = options.programs_dir},
                                 catalogue_)),
        registration_(name_, client, clock, *runtime_),
        mounter_(options.programs_dir + "/leat", options.cache_dirs.empty()
                                                     ? std::vector<std::string>{dirs_.Cache()}
                                                     : options.cache_dirs),
        logs_(clock),
        sync_(name_, dirs_, client, clock, *runtime_, addresses_, mounter_, logs_),
        pods_(client, clock, api::gvr::kPods, {.field_selector = "spec.nodeName=" + name_}) {}

  Status Begin() {
    if (auto registered = registration_.Register(); !registered) return registered;
    registration_.Start();
    if (runtime_->Ready())
      StartPods();
    else
      starter_ = std::jthread([this](const std::stop_token& stop) { StartOnceReady(stop); });
    return {};
  }

  Status Read(const api::ObjectName& name, const api::PodLogOptions& options,
              const std::function<bool(std::string_view)>& sink,
              const std::stop_token& stop) override;

  void StopPods(const std::stop_token& stop) override {
    starter_ = {};
    exits_ = {};
    controller_.reset();  // so that nothing is started again
    std::vector<std::pair<client::ObjectPtr, WallTime>> left;
    for (const client::ObjectPtr& pod : pods_.List())
      left.emplace_back(
          pod, clock_.Now() + seconds((*pod)["spec"]["terminationGracePeriodSeconds"].AsInt(30)));
    while (!left.empty() && !stop.stop_requested()) {
      std::erase_if(left,
                    [&](const auto& entry) { return HasStopped(*entry.first, entry.second); });
      if (!left.empty()) runtime_->AwaitChange(milliseconds(200), stop);
    }
  }

 private:
  // runc or conmon may be installed while we run.
  void StartOnceReady(const std::stop_token& stop) {
    while (clock_.SleepFor(kReadyStep, stop))
      if (runtime_->Ready()) return StartPods();
  }

  void StartPods() {
    if (auto settled = runtime_->SettleStarts(); !settled)
      LogWarning("cannot settle starts that were cut short", {{"error", settled.error()}});
    KeepOrphans();
    if (const int count = FollowAllLogs(); count > 0)
      LogInfo("found pods still running", {{"pods", count}});
    pods_.Start();
    controller_ = std::make_unique<reconcile::Controller>(
        client_, clock_,
        reconcile::ControllerOptions{
            .name = "node",
            .sources = {{.type = api::gvr::kPods,
                         .selection = {.field_selector = "spec.nodeName=" + name_},
                         .keys_of = [this](const json::Value& pod) { return WithPeers(pod); }},
                        {.type = api::gvr::kConfigMaps,
                         .selection = {},
                         .keys_of = [this](const json::Value& map) { return UsersOf(map); }},
                        {.type = api::gvr::kSecrets,
                         .selection = {},
                         .keys_of = [this](const json::Value& secret) { return UsersOf(secret); }}},
            .workers = kWorkers},
        sync_);
    exits_ = std::jthread([this](const std::stop_token& stop) { FollowExits(stop); });
    housekeeping_ = std::jthread([this](const std::stop_token& stop) { KeepHouse(stop); });
  }

  // What fails is tried again, and told again when it fails in another way.
  void KeepOrphans() {
    if (!orphans_) return;
    const auto kept = sync_.KeepOrphans();
    if (!kept && kept.error().message != *orphans_)
      LogWarning("cannot end pods that the API does not know, trying again",
                 {{"error", kept.error()}});
    orphans_ = kept ? std::nullopt : std::optional(kept.error().message);
  }

  // Returns how many pods have containers that run.
  int FollowAllLogs() {
    int count = 0;
    const auto sandboxes = runtime_->ListSandboxes();
    for (const std::string& id : sandboxes ? *sandboxes : std::vector<std::string>())
      count += FollowLogs(id) > 0;
    return count;
  }

  // A pod's address and name stand in its peers' /etc/hosts.
  std::vector<api::ObjectName> WithPeers(const json::Value& pod) {
    std::vector<api::ObjectName> keys = {api::NameOf(pod)};
    const json::Value& subdomain = pod["spec"]["subdomain"];
    if (!subdomain.AsString().empty())
      for (const client::ObjectPtr& other : pods_.List())
        if ((*other)["spec"]["subdomain"] == subdomain &&
            (*other)["metadata"]["namespace"] == pod["metadata"]["namespace"] &&
            api::NameOf(*other) != keys[0])
          keys.push_back(api::NameOf(*other));
    return keys;
  }

  // Pods in the object's namespace with volumes: their files may show it.
  std::vector<api::ObjectName> UsersOf(const json::Value& object) {
    std::vector<api::ObjectName> keys;
    for (const client::ObjectPtr& pod : pods_.List())
      if ((*pod)["metadata"]["namespace"] == object["metadata"]["namespace"] &&
          !(*pod)["spec"]["volumes"].empty())
        keys.push_back(api::NameOf(*pod));
    return keys;
  }

  bool HasStopped(const json::Value& pod, WallTime kill_at) {
    const auto containers = runtime_->ListContainers(UidOf(pod));
    if (!containers) return false;
    bool running = false;
    for (const ContainerStatus& container : *containers) {
      if (container.state == ContainerState::kExited) continue;
      running = true;
      (void)(clock_.Now() >= kill_at ? runtime_->Kill(container.id)
                                     : runtime_->Terminate(container.id));
    }
    if (running) return false;
    for (const ContainerStatus& container : *containers)
      (void)sync_.KeepMessage(UidOf(pod), container);
    (void)runtime_->StopSandbox(UidOf(pod));
    (void)UnmountData(dirs_.Pod(UidOf(pod)));
    return true;
  }

  // Wakes the pods whose containers may have ended: a pod's directory of exits has no names of
  // pods, so all that are not finished look.
  void FollowExits(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      runtime_->AwaitChange(seconds(2), stop);
      for (const client::ObjectPtr& pod : pods_.List()) {
        const std::string_view phase = (*pod)["status"]["phase"].AsString();
        if (phase != "Succeeded" && phase != "Failed") controller_->Wake(api::NameOf(*pod));
      }
    }
  }

  void KeepHouse(const std::stop_token& stop) {
    while (clock_.SleepFor(kHousekeeping, stop)) {
      for (const client::ObjectPtr& pod : pods_.List()) {
        const std::string_view phase = (*pod)["status"]["phase"].AsString();
        if (phase == "Succeeded" || phase == "Failed") continue;
        FollowLogs(UidOf(*pod));  // once more: a watch may have failed
        const std::string exceeded = ExceededVolume(*pod, dirs_);
        if (exceeded.empty()) continue;
        if (auto evicted = sync_.Evict(*pod, exceeded); !evicted)
          LogWarning("cannot evict a pod",
                     {{"pod", api::NameOf(*pod).ToString()}, {"error", evicted.error()}});
      }
      KeepOrphans();
    }
  }

  // Those of the pod's containers that run; their number.
  int FollowLogs(const std::string& uid) {
    int count = 0;
    const auto containers = runtime_->ListContainers(uid);
    for (const ContainerStatus& container :
         containers ? *containers : std::vector<ContainerStatus>()) {
      if (container.state != ContainerState::kRunning) continue;
      ++count;
      const std::string log = dirs_.Log(uid, container.name, container.attempt);
      logs_.Follow(log);
      // The holder that an earlier Leat started knows no limit. What is not ready yet is so when
      // the house is next kept.
      if (!MayBeginNextFile(log)) continue;
      if (auto opened = runtime_->ReopenLog(container.id); !opened)
        LogWarning("cannot begin a log's next file", {{"log", log}, {"error", opened.error()}});
    }
    return count;
  }

  const std::string name_;
  Clock& clock_;
  api::ObjectClient& client_;
  const PodDirs dirs_;
  ImageCatalogue catalogue_;
  const std::unique_ptr<ContainerRuntime> runtime_;
  AddressBook addresses_;
  Registration registration_;
  DataMounter mounter_;
  LogRotation logs_;
  PodSync sync_;
  client::Informer pods_;
  std::optional<std::string> orphans_ = "";  // why some are still there; one thread's at a time
  std::unique_ptr<reconcile::Controller> controller_;
  std::jthread exits_, housekeeping_;  // behind what they use: they stop first
  std::jthread starter_;               // makes all these, when runc and conmon were not there yet
};

Status EmbeddedNode::Read(const api::ObjectName& name, const api::PodLogOptions& options,
                          const std::function<bool(std::string_view)>& sink,
                          const std::stop_token& stop) {
  auto pod = client_.Get(api::gvr::kPods, name);
  if (!pod) return pod.error();
  std::vector<std::string> choices;
  for (const char* list : {"containers", "initContainers"})
    for (const json::Value& container : (*pod)["spec"][list].Items())
      choices.push_back(container["name"].Str());
  std::string container = options.container;
  if (container.empty()) {
    if ((*pod)["spec"]["containers"].size() != 1)
      return Error{Code::kInvalid,
                   fmt::format("a container name must be specified for pod {}, choose one of: [{}]",
                               name.name, Join(choices, " "))};
    container = choices.front();
  }
  if (std::find(choices.begin(), choices.end(), container) == choices.end())
    return Error{Code::kInvalid,
                 fmt::format("container {} is not valid for pod {}", container, name.name)};

  const std::string uid = UidOf(*pod);
  auto containers = runtime_->ListContainers(uid);
  if (!containers) return containers.error();
  const Runs runs = GroupRuns(std::move(*containers));
  const auto found = runs.find(container);
  const size_t wanted = options.previous ? 2 : 1;
  if (found == runs.end() || found->second.size() < wanted) {
    if (options.previous)
      return Error{Code::kInvalid,
                   fmt::format("previous terminated container \"{}\" in pod \"{}\" not found",
                               container, name.name)};
    std::string reason = "ContainerCreating";
    for (const char* list : {"containerStatuses", "initContainerStatuses"})
      for (const json::Value& status : (*pod)["status"][list].Items())
        if (status["name"].AsString() == container)
          reason = status["state"]["waiting"]["reason"].AsString(reason);
    return Error{Code::kInvalid,
                 fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}", container,
                             name.name, reason)};
  }
  const ContainerStatus& run = found->second[found->second.size() - wanted];
  const auto running = [&, id = run.id] {
    const auto now = runtime_->ListContainers(uid);
    return now && std::any_of(now->begin(), now->end(), [&](const ContainerStatus& status) {
             return status.id == id && status.state != ContainerState::kExited;
           });
  };
  return ReadLog({.log_path = dirs_.Log(uid, container, run.attempt),
                  .options = options,
                  .running = running,
                  .sink = sink},
                 stop);
}

}  // namespace

Result<std::unique_ptr<Node>> Node::Start(const Options& options, api::ObjectClient& client,
                                          Clock& clock) {
  std::string name = options.name.empty() ? HostName() : options.name;
  auto node = std::make_unique<EmbeddedNode>(options, std::move(name), client, clock);
  if (auto begun = node->Begin(); !begun) return begun.error();
  return node;
}

}  // namespace leat::node
