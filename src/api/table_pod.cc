// How kubectl's users know a pod's STATUS: the reason of the container that keeps it from running,
// or else the phase.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "api/meta.h"
#include "api/table_cells.h"

namespace leat::api {
namespace {

std::string ExitText(const json::Value& terminated) {
  if (const std::string_view reason = terminated["reason"].AsString(); !reason.empty())
    return std::string(reason);
  if (const int64_t signal = terminated["signal"].AsInt(); signal != 0)
    return fmt::format("Signal:{}", signal);
  return fmt::format("ExitCode:{}", terminated["exitCode"].AsInt());
}

// How often containers were restarted, and when the last of them ended before that.
struct Restarts {
  int64_t count = 0;
  std::optional<WallTime> last;

  void Add(const json::Value& status) {
    count += status["restartCount"].AsInt();
    const Result<WallTime> end =
        ParseTime(status["lastState"]["terminated"]["finishedAt"].AsString());
    if (end && (!last || *end > *last)) last = *end;
  }
  std::string Text(WallTime now) const {
    if (count == 0 || !last) return fmt::format("{}", count);
    return fmt::format("{} ({} ago)", count, AgeOf(*last, now));
  }
};

bool HasTrueCondition(const json::Value& pod, std::string_view type) {
  return FindCondition(pod["status"]["conditions"], type)["status"].AsString() == "True";
}

// Goes through the init containers in order; false when all of them are done (or, for those that
// run beside the others, started).
bool SummarizeInit(const json::Value& pod, PodSummary& summary, Restarts& all, Restarts& sidecars) {
  const json::Value& init = pod["spec"]["initContainers"];
  std::set<std::string_view> sidecar_names;
  for (const json::Value& container : init.Items())
    if (container["restartPolicy"].AsString() == "Always")
      sidecar_names.insert(container["name"].AsString());
  summary.total += static_cast<int64_t>(sidecar_names.size());

  size_t done = 0;
  for (const json::Value& status : pod["status"]["initContainerStatuses"].Items()) {
    const bool sidecar = sidecar_names.contains(status["name"].AsString());
    all.Add(status);
    if (sidecar) sidecars.Add(status);
    const json::Value& terminated = status["state"]["terminated"];
    const bool has_ended = terminated.IsObject();
    if (has_ended && terminated["exitCode"].AsInt() == 0) {
      ++done;
      continue;
    }
    if (sidecar && status["started"].AsBool()) {
      if (status["ready"].AsBool()) ++summary.ready;
      ++done;
      continue;
    }
    const std::string_view waiting = status["state"]["waiting"]["reason"].AsString();
    if (has_ended)
      summary.reason = "Init:" + ExitText(terminated);
    else if (!waiting.empty() && waiting != "PodInitializing")
      summary.reason = "Init:" + std::string(waiting);
    else
      summary.reason = fmt::format("Init:{}/{}", done, init.size());
    return true;
  }
  return false;
}

void SummarizeContainers(const json::Value& pod, PodSummary& summary, Restarts& restarts) {
  bool running = false;
  const json::ArrayItems& statuses = pod["status"]["containerStatuses"].Items();
  // Backwards, so that the first container's reason is the one that stays.
  for (auto status = statuses.rbegin(); status != statuses.rend(); ++status) {
    restarts.Add(*status);
    const json::Value& state = (*status)["state"];
    if (const std::string_view waiting = state["waiting"]["reason"].AsString(); !waiting.empty()) {
      summary.reason = waiting;
    } else if (state["terminated"].IsObject()) {
      summary.reason = ExitText(state["terminated"]);
    } else if ((*status)["ready"].AsBool() && state["running"].IsObject()) {
      running = true;
      ++summary.ready;
    }
  }
  if (summary.reason == "Completed" && running)
    summary.reason = HasTrueCondition(pod, "Ready") ? "Running" : "NotReady";
}

}  // namespace

PodSummary SummarizePod(const json::Value& pod, WallTime now) {
  const json::Value& status = pod["status"];
  const std::string_view phase = status["phase"].AsString();
  PodSummary summary{.reason = std::string(phase), .restarts = {}};
  if (!status["reason"].AsString().empty()) summary.reason = status["reason"].Str();
  if (FindCondition(status["conditions"], "PodScheduled")["reason"].AsString() == "SchedulingGated")
    summary.reason = "SchedulingGated";
  summary.total = static_cast<int64_t>(pod["spec"]["containers"].size());

  Restarts all;
  Restarts sidecars;
  const bool initializing = SummarizeInit(pod, summary, all, sidecars);
  if (!initializing || HasTrueCondition(pod, "Initialized")) {
    all = sidecars;
    SummarizeContainers(pod, summary, all);
  }
  if (IsBeingDeleted(pod)) {
    if (status["reason"].AsString() == "NodeLost")
      summary.reason = "Unknown";
    else if (phase != "Succeeded" && phase != "Failed")
      summary.reason = "Terminating";
  }
  summary.restarts = all.Text(now);
  return summary;
}

}  // namespace leat::api
