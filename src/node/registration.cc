#include "node/registration.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/meta.h"
#include "api/quantity.h"
#include "base/log.h"
#include "base/strings.h"
#include "io/file.h"

namespace leat::node {
namespace {

using json::Array;
using json::Object;

constexpr std::chrono::seconds kPeriod{10};
constexpr std::chrono::minutes kHeartbeat{5};
constexpr int kLeaseSeconds = 40;
constexpr int kMaxPods = 250;
constexpr char kLeaseNamespace[] = "kube-node-lease";

std::string FirstLine(const std::string& path) {
  const auto text = io::ReadFile(path);
  return text ? std::string(Trim(Split(*text, '\n')[0])) : "";
}

// "Debian GNU/Linux 12 (bookworm)"
std::string OsImage() {
  const auto text = io::ReadFile("/etc/os-release");
  if (!text) return "Linux";
  for (std::string_view line : Split(*text, '\n')) {
    constexpr std::string_view kKey = "PRETTY_NAME=\"";
    if (line.starts_with(kKey))
      return std::string(line.substr(kKey.size(), line.size() - kKey.size() - 1));
  }
  return "Linux";
}

std::string Architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

json::Value Capacity() {
  struct statvfs disk {};
  (void)statvfs("/", &disk);
  const auto memory = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  return Object({
      {"cpu", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
      {"memory", fmt::format("{}Ki", memory / 1024)},
      {"ephemeral-storage",
       fmt::format("{}Ki", static_cast<int64_t>(disk.f_blocks * disk.f_frsize / 1024))},
      {"pods", std::to_string(kMaxPods)},
  });
}

}  // namespace

Registration::Registration(std::string name, api::ObjectClient& client, Clock& clock,
                           ContainerRuntime& runtime)
    : name_(std::move(name)),
      client_(client),
      clock_(clock),
      runtime_(runtime),
      events_(client, clock, "node") {}

json::Value Registration::Wanted(const json::Value& present) {
  const Status ready = runtime_.Ready();
  if (ready && !std::exchange(was_ready_, true)) {
    runtime_name_ = runtime_.Name();
    advice_ = runtime_.Advice();
    if (!advice_.empty()) LogWarning(advice_);
  }
  struct utsname system {};
  uname(&system);
  const std::string arch = Architecture(system.machine);
  json::Value node = present.IsObject() ? present
                                        : Object({{"apiVersion", "v1"},
                                                  {"kind", "Node"},
                                                  {"metadata", Object({{"name", name_}})},
                                                  {"spec", Object()}});
  node.Mut("metadata")
      .Mut("labels")
      .Set("kubernetes.io/hostname", name_)
      .Set("kubernetes.io/os", "linux")
      .Set("kubernetes.io/arch", arch);
  json::Value& status = node.Mut("status");
  status.Set("capacity", Capacity()).Set("allocatable", Capacity());
  status.Set("addresses", Array({Object({{"type", "InternalIP"}, {"address", "127.0.0.1"}}),
                                 Object({{"type", "Hostname"}, {"address", name_}})}));
  status.Set("nodeInfo", Object({{"machineID", FirstLine("/etc/machine-id")},
                                 {"systemUUID", FirstLine("/etc/machine-id")},
                                 {"bootID", FirstLine("/proc/sys/kernel/random/boot_id")},
                                 {"kernelVersion", std::string(system.release)},
                                 {"osImage", OsImage()},
                                 {"containerRuntimeVersion", runtime_name_},
                                 {"kubeletVersion", "v1.31.0+leat." LEAT_VERSION},
                                 {"kubeProxyVersion", ""},
                                 {"operatingSystem", "linux"},
                                 {"architecture", arch}}));
  const std::string now = FormatTime(clock_.Now());
  json::Value conditions = status["conditions"];
  api::SetCondition(conditions, "Ready", ready ? "True" : "False",
                    ready ? "NodeReady" : "ContainerRuntimeNotReady",
                    !ready            ? ready.error().message
                    : advice_.empty() ? "this machine runs pods"
                                      : "this machine runs pods; " + advice_,
                    now);
  for (const char* pressure : {"MemoryPressure", "DiskPressure", "PIDPressure"})
    api::SetCondition(conditions, pressure, "False", "NotMeasured", "not watched yet", now);
  // A heartbeat each time would be a write to the store every few seconds: the Lease has those.
  const auto beat = ParseTime(conditions[0]["lastHeartbeatTime"].AsString());
  if (!beat || clock_.Now() - *beat >= kHeartbeat || conditions != status["conditions"])
    for (json::Value& condition : conditions.MutItems()) condition.Set("lastHeartbeatTime", now);
  status.Set("conditions", conditions);
  return node;
}

Status Registration::Register() {
  auto present = client_.Get(api::gvr::kNodes, {"", name_});
  if (!present && present.error().code != Code::kNotFound) return present.error();
  json::Value node = Wanted(present ? *present : json::Value());
  if (!present) {
    auto made = client_.Create(api::gvr::kNodes, node);
    if (!made) return made.error();
    node.Set("metadata", (*made)["metadata"]);
  } else if (node != *present && node["metadata"] != (*present)["metadata"]) {
    auto updated = client_.Update(api::gvr::kNodes, node);
    if (!updated) return updated.error();
    node.Set("metadata", (*updated)["metadata"]);
  }
  if (!present || node["status"] != (*present)["status"]) {
    auto updated = client_.UpdateStatus(api::gvr::kNodes, node);
    if (!updated) return updated.error();
  }
  const json::Value& ready = api::FindCondition(node["status"]["conditions"], "Ready");
  const std::string reason = ready["status"].AsString() == "True" ? "" : ready["message"].Str();
  if (reason != std::exchange(told_, reason) && !reason.empty()) {
    LogWarning("this node cannot run pods", {{"reason", reason}});
    events_.Record(node, reconcile::EventType::kWarning, "NodeNotReady", reason);
  }
  return RenewLease();
}

Status Registration::RenewLease() {
  const std::string now = FormatTimeMicro(clock_.Now());
  const json::Value spec = Object(
      {{"holderIdentity", name_}, {"leaseDurationSeconds", kLeaseSeconds}, {"renewTime", now}});
  auto renewed = client_.Patch(api::gvr::kLeases, {kLeaseNamespace, name_}, api::PatchType::kMerge,
                               Object({{"spec", spec}}));
  if (renewed) return {};
  if (renewed.error().code != Code::kNotFound) return renewed.error();
  auto made = client_.Create(
      api::gvr::kLeases,
      Object({{"apiVersion", "coordination.k8s.io/v1"},
              {"kind", "Lease"},
              {"metadata", Object({{"namespace", kLeaseNamespace}, {"name", name_}})},
              {"spec", spec}}));
  if (!made) return made.error();
  return {};
}

void Registration::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Registration::Run(const std::stop_token& stop) {
  while (clock_.SleepFor(kPeriod, stop))
    if (auto done = Register(); !done)
      LogWarning("cannot renew the node", {{"error", done.error()}});
}

}  // namespace leat::node
