#include <fmt/format.h>

#include <algorithm>

#include "api/meta.h"
#include "node/pod_plan.h"

namespace leat::node {
namespace {

using json::Object;

std::string EndReason(const ContainerStatus& run) {
  if (!run.error.empty()) return "StartError";
  if (run.lost) return "ContainerStatusUnknown";
  if (run.oom_killed) return "OOMKilled";
  return run.exit_code == 0 ? "Completed" : "Error";
}

json::Value Terminated(const ContainerStatus& run, const StatusInputs& inputs) {
  json::Value state = Object({{"exitCode", run.exit_code},
                              {"reason", EndReason(run)},
                              {"containerID", "runc://" + run.id},
                              {"finishedAt", FormatTime(run.finished_at)}});
  if (run.started_at != WallTime()) state.Set("startedAt", FormatTime(run.started_at));
  if (!run.error.empty()) state.Set("message", run.error);
  if (run.lost)
    state.Set(
        "message",
        "its end was not seen: the process that held it was killed, or the machine restarted; "
        "the exit code is made up");
  const auto message = inputs.messages.find(run.id);
  if (message != inputs.messages.end() && !message->second.empty())
    state.Set("message", message->second);
  return Object({{"terminated", state}});
}

class StatusWriter {
 public:
  StatusWriter(const StatusInputs& inputs, WallTime now)
      : inputs_(inputs), spec_(inputs.pod["spec"]), now_(FormatTime(now)) {}

  json::Value Write() {
    json::Value init = json::Array(), mains = json::Array();
    for (const json::Value& container : spec_["initContainers"].Items())
      init.Push(ContainerEntry(container, true));
    for (const json::Value& container : spec_["containers"].Items())
      mains.Push(ContainerEntry(container, false));
    json::Value status = inputs_.pod["status"].IsObject() ? inputs_.pod["status"] : Object();
    status.Set("phase", Phase());
    if (!init.empty()) status.Set("initContainerStatuses", init);
    status.Set("containerStatuses", mains);
    status.Set("hostIP", inputs_.host_ip);
    if (!inputs_.pod_ip.empty())
      status.Set("podIP", inputs_.pod_ip)
          .Set("podIPs", json::Array({Object({{"ip", inputs_.pod_ip}})}));
    if (status["startTime"].IsNull()) status.Set("startTime", now_);
    WriteConditions(status);
    return status;
  }

 private:
  const std::vector<ContainerStatus>* RunsOf(const json::Value& container) const {
    const auto found = inputs_.runs.find(container["name"].Str());
    return found == inputs_.runs.end() || found->second.empty() ? nullptr : &found->second;
  }

  json::Value ContainerEntry(const json::Value& container, bool is_init) {
    const std::string name = container["name"].Str();
    json::Value entry = Object({{"name", name},
                                {"image", container["image"]},
                                {"imageID", ""},
                                {"restartCount", 0},
                                {"started", false},
                                {"ready", false}});
    const std::vector<ContainerStatus>* runs = RunsOf(container);
    const auto waiting = inputs_.waiting.find(name);
    if (runs == nullptr) {
      const bool blocked = !is_init && !Initialized();
      const Waiting why = waiting != inputs_.waiting.end() ? waiting->second
                          : blocked || is_init             ? Waiting{"PodInitializing", ""}
                                                           : Waiting{"ContainerCreating", ""};
      json::Value state = Object({{"reason", why.reason}});
      if (!why.message.empty()) state.Set("message", why.message);
      // A finished pod's containers that never ran wait for nothing any more, as upstream shows it.
      return entry.Set("state", Object({{"waiting", state}}));
    }
    const ContainerStatus& run = runs->back();
    entry.Set("restartCount", run.attempt)
        .Set("containerID", "runc://" + run.id)
        .Set("imageID", run.image_id);
    if (run.state == ContainerState::kRunning) {
      entry.Set("state", Object({{"running", Object({{"startedAt", FormatTime(run.started_at)}})}}))
          .Set("started", true)
          .Set("ready", true);
    } else if (run.state == ContainerState::kExited) {
      WriteEnded(container, run, is_init, entry);
    } else {
      entry.Set("state", Object({{"waiting", Object({{"reason", "ContainerCreating"}})}}));
    }
    if (runs->size() > 1 && !entry.Has("lastState"))
      entry.Set("lastState", Terminated((*runs)[runs->size() - 2], inputs_));
    return entry;
  }

  // An ended container that will run again shows why it waits; its end is its last state.
  void WriteEnded(const json::Value& container, const ContainerStatus& run, bool is_init,
                  json::Value& entry) {
    std::string_view policy =
        container["restartPolicy"].AsString(spec_["restartPolicy"].AsString());
    if (is_init && policy == "Always" && container["restartPolicy"].IsNull()) policy = "OnFailure";
    const bool again = !inputs_.finished && !api::IsBeingDeleted(inputs_.pod) &&
                       (policy == "Always" || (policy == "OnFailure" && run.exit_code != 0));
    const json::Value ended = Terminated(run, inputs_);
    if (is_init && run.exit_code == 0) entry.Set("ready", true);
    if (!again) {
      entry.Set("state", ended);
      return;
    }
    const json::Value& metadata = inputs_.pod["metadata"];
    entry.Set("lastState", ended)
        .Set("state",
             Object({{"waiting",
                      Object({{"reason", "CrashLoopBackOff"},
                              {"message",
                               fmt::format("back-off restarting failed container={} pod={}_{}({})",
                                           run.name, metadata["name"].AsString(),
                                           metadata["namespace"].AsString(),
                                           metadata["uid"].AsString())}})}}));
  }

  bool Initialized() const {
    const json::ArrayItems& init = spec_["initContainers"].Items();
    return std::all_of(init.begin(), init.end(), [&](const json::Value& container) {
      const std::vector<ContainerStatus>* runs = RunsOf(container);
      if (runs == nullptr) return false;
      const ContainerStatus& run = runs->back();
      if (container["restartPolicy"].AsString() == "Always")
        return run.attempt > 0 || run.error.empty();
      return run.state == ContainerState::kExited && run.exit_code == 0;
    });
  }

  std::string Phase() const {
    if (inputs_.finished) return *inputs_.finished;
    if (!Initialized()) return "Pending";
    for (const json::Value& container : spec_["containers"].Items())
      if (RunsOf(container) != nullptr) return "Running";
    return "Pending";
  }

  void WriteConditions(json::Value& status) {
    json::Value conditions = status["conditions"];
    const auto set = [&](const char* type, bool value, std::string_view reason,
                         const std::string& message) {
      api::SetCondition(conditions, type, value ? "True" : "False", value ? "" : reason,
                        value ? "" : message, now_);
    };
    const bool completed = inputs_.finished && *inputs_.finished == "Succeeded";
    std::string unready;
    for (const json::Value& entry : status["containerStatuses"].Items())
      if (!entry["ready"].AsBool()) unready += (unready.empty() ? "" : " ") + entry["name"].Str();
    const std::string message = fmt::format("containers with unready status: [{}]", unready);
    const bool ready = unready.empty() && !inputs_.finished && Initialized();
    const char* reason = completed ? "PodCompleted" : "ContainersNotReady";
    set("Initialized", Initialized(), "ContainersNotInitialized",
        "init containers have not finished");
    set("Ready", ready, reason, completed ? "" : message);
    set("ContainersReady", ready, reason, completed ? "" : message);
    set("PodScheduled", true, "", "");
    status.Set("conditions", conditions);
  }

  const StatusInputs& inputs_;
  const json::Value& spec_;
  const std::string now_;
};

}  // namespace

json::Value PodStatus(const StatusInputs& inputs, WallTime now) {
  return StatusWriter(inputs, now).Write();
}

}  // namespace leat::node
