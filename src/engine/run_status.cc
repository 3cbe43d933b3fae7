#include "engine/run_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/characters.h"

namespace leat::engine {
namespace {

using json::Object;

constexpr size_t kMaxReason = 1024;  // of SageMaker's FailureReason

// "<text><end>" of at most kMaxReason characters, cut inside the text.
std::string Reason(const std::string& text, const std::string& end) {
  constexpr std::string_view kCut = "...";
  const size_t room = kMaxReason - std::min(end.size(), kMaxReason);
  if (CountCharacters(text) <= room) return text + end;
  return std::string(FirstCharacters(text, room - kCut.size())).append(kCut) + end;
}

std::string AlgorithmFailure(const RunFacts& facts, const HostState& host,
                             const std::function<std::string(const HostState&)>& last_lines) {
  const std::string exit_code = fmt::format(", exit code: {}", host.end->exit_code);
  const std::string where = facts.job.instance_count > 1 ? fmt::format("{}: ", host.host) : "";
  if (host.end->out_of_memory)
    return Reason(
        fmt::format("AlgorithmError: {}the algorithm ran out of memory (limit {}): choose "
                    "a larger instance type, or give it less to hold",
                    where, host.memory_limit),
        exit_code);
  if (const std::string file = host.result["failure"].Str(); !file.empty())
    return Reason("AlgorithmError: " + where + file, exit_code);
  if (!host.end->message.empty())
    return Reason(fmt::format("AlgorithmError: {}the algorithm could not be started: {}", where,
                              host.end->message),
                  exit_code);
  const std::string lines = last_lines(host);
  if (lines.empty())
    return Reason(fmt::format("AlgorithmError: {}the algorithm failed without writing a log or "
                              "/opt/ml/output/failure",
                              where),
                  exit_code);
  return Reason(fmt::format("AlgorithmError: {}{}", where, lines), exit_code);
}

RunEnd Failed(std::string reason) {
  reason = Reason(reason, "");
  return {.status = "Failed", .secondary = "Failed", .message = reason, .failure = reason};
}

// True if the algorithm did not end of itself, but with all of its pod, and no stop was asked for.
bool WasStopped(const HostState& host) {
  constexpr int kKilled = 128 + 9, kTerminated = 128 + 15;
  if (host.result["stopped"].AsBool()) return true;
  const bool by_signal = host.end->exit_code == kKilled || host.end->exit_code == kTerminated;
  return host.result.IsNull() && by_signal && !host.end->out_of_memory;
}

// A demand that no node can meet.
RunEnd NoCapacity(const RunFacts& facts) {
  return Failed(
      "CapacityError: Unable to provision requested ML compute capacity. Please retry using a "
      "different ML instance type: " +
      facts.unmet);
}

bool AllEnded(const RunFacts& facts) {
  return std::all_of(facts.hosts.begin(), facts.hosts.end(),
                     [](const HostState& host) { return host.phase == HostPhase::kEnded; });
}

std::string ModelOf(const RunFacts& facts) {
  for (const HostState& host : facts.hosts)
    if (host.result["model"].IsString()) return host.result["model"].Str();
  return "";
}

RunEnd Stopped(const RunFacts& facts, const std::string& why) {
  RunEnd end{.status = "Stopped", .secondary = "Stopped", .model = ModelOf(facts)};
  if (why == kMaxRuntime) end.secondary = kMaxRuntime;
  end.message = why == kMaxRuntime
                    ? fmt::format("the job was stopped after MaxRuntimeInSeconds ({} s)",
                                  facts.job.max_runtime.count())
                    : "the job was stopped as StopTrainingJob asked";
  for (const HostState& host : facts.hosts)
    if (const std::string error = host.result["error"].Str(); !error.empty())
      end.message += "; " + error;
  return end;
}

// The first algorithm to fail: the others may have failed because of it.
const HostState* FirstToFail(const RunFacts& facts) {
  const HostState* first = nullptr;
  for (const HostState& host : facts.hosts) {
    if (!host.end || host.end->exit_code == 0) continue;
    if (first == nullptr || host.end->at < first->end->at) first = &host;
  }
  return first;
}

std::optional<RunEnd> FailureOf(const RunFacts& facts,
                                const std::function<std::string(const HostState&)>& last_lines) {
  if (const HostState* culprit = FirstToFail(facts)) {
    if (culprit->phase != HostPhase::kEnded) return std::nullopt;  // its failure file comes yet
    if (WasStopped(*culprit))
      return Failed(
          fmt::format("InternalServerError: host {} was stopped from outside while its "
                      "algorithm was running. Create the job again",
                      culprit->host));
    return Failed(AlgorithmFailure(facts, *culprit, last_lines));
  }
  for (const HostState& host : facts.hosts) {
    if (!host.failure.empty()) return Failed(host.failure);
    if (host.phase == HostPhase::kEnded && host.result["error"].IsString())
      return Failed(host.result["error"].Str());
    if (host.stuck && facts.now - host.stuck_since > kStuckPatience)
      return Failed("ClientError: " + host.waiting);
    if (host.phase == HostPhase::kPending && !facts.unmet.empty() &&
        facts.now > CapacityDeadline(facts))
      return NoCapacity(facts);
  }
  if (!facts.vanished.empty())
    return Failed(
        fmt::format("InternalServerError: the pod of host {} is gone: it was deleted, or "
                    "its node was lost. Create the job again",
                    facts.vanished.front()));
  return std::nullopt;
}

// The status under change, and its last transition.
class StatusWriter {
 public:
  StatusWriter(json::Value status, WallTime now) : status_(std::move(status)), now_(now) {}

  // Moves on to a secondary status, or updates what the present one says.
  void Enter(const std::string& secondary, WallTime at, const std::string& message) {
    json::Value& all = status_.Mut("secondaryStatusTransitions");
    if (!all.empty()) {
      json::Value& last = all.MutItems().back();
      if (last["status"].AsString() == secondary) {
        if (!message.empty()) last.Set("statusMessage", message);
        return;
      }
      // Clocks of nodes differ: a step never begins before the one it follows.
      if (auto before = ParseTime(last["startTime"].AsString()); before && at < *before)
        at = *before;
      last.Set("endTime", FormatTime(at));
    }
    all.Push(
        Object({{"status", secondary}, {"startTime", FormatTime(at)}, {"statusMessage", message}}));
    status_.Set("secondaryStatus", secondary);
  }

  bool Is(std::string_view secondary) const {
    return status_["secondaryStatus"].AsString() == secondary;
  }
  void Close() {
    status_.Mut("secondaryStatusTransitions").MutItems().back().Set("endTime", FormatTime(now_));
  }
  json::Value& status() { return status_; }

 private:
  json::Value status_;
  const WallTime now_;
};

// The time at which the last host got there; nullopt while one has not.
template <class Get>
std::optional<WallTime> WhenAll(const RunFacts& facts, Get get) {
  if (facts.hosts.empty() || !facts.vanished.empty()) return std::nullopt;
  WallTime latest;
  for (const HostState& host : facts.hosts) {
    const std::optional<WallTime> at = get(host);
    if (!at) return std::nullopt;
    latest = std::max(latest, *at);
  }
  return latest;
}

void WriteProgress(const RunFacts& facts, StatusWriter& writer) {
  std::string waiting = facts.starting_message;
  for (const HostState& host : facts.hosts)
    // An image can go missing after staging too.
    if ((host.phase == HostPhase::kPending || host.stuck) && !host.waiting.empty()) {
      waiting = host.waiting;
      break;
    }
  if (!facts.unmet.empty()) waiting = "waiting for a node: " + facts.unmet;
  const auto staging = WhenAll(facts, [](const HostState& host) { return host.staging_at; });
  const auto training = WhenAll(facts, [](const HostState& host) { return host.training_at; });
  const auto uploading = WhenAll(facts, [](const HostState& host) {
    return host.end ? std::optional(host.end->at) : std::nullopt;
  });
  if (writer.Is("Starting"))
    writer.Enter("Starting", facts.now, waiting.empty() ? "launching the containers" : waiting);
  if (writer.Is("Starting") && staging)
    writer.Enter("Downloading", *staging, "downloading the input data");
  if (writer.Is("Downloading") && training)
    writer.Enter("Training", *training, "the algorithm is running");
  if (writer.Is("Training") && uploading)
    writer.Enter("Uploading", *uploading, "uploading the results");
  if (writer.Is("Downloading") && !waiting.empty() && waiting != facts.starting_message)
    writer.Enter("Downloading", facts.now, waiting);
}

void WriteHosts(const RunFacts& facts, json::Value& status) {
  json::Value hosts = json::Array();
  for (const std::string& name : facts.job.Hosts()) {
    json::Value entry;
    for (const json::Value& known : status["hosts"].Items())
      if (known["name"].AsString() == name) entry = known;
    for (const HostState& host : facts.hosts) {
      if (host.host != name) continue;
      entry.Set("name", name).Set("pod", host.pod);
      if (const std::string stream = LogStreamOf(facts.job, host); !stream.empty())
        entry.Set("logStream", stream);
    }
    if (!entry.IsNull()) hosts.Push(std::move(entry));
  }
  if (!hosts.empty()) status.Set("hosts", std::move(hosts));
}

void WriteEnd(const RunFacts& facts, const RunEnd& end, StatusWriter& writer) {
  writer.Enter(end.secondary, facts.now, end.message);
  writer.Close();
  json::Value& status = writer.status();
  status.Set("trainingJobStatus", end.status).Set("trainingEndTime", FormatTime(facts.now));
  if (!end.failure.empty()) status.Set("failureReason", end.failure);
  if (!end.model.empty()) status.Set("modelArtifacts", Object({{"s3ModelArtifacts", end.model}}));
}

}  // namespace

std::string StopReason(const RunFacts& facts) {
  for (const HostState& host : facts.hosts)
    if (!host.stop.empty()) return host.stop;
  if (facts.run["status"]["trainingJobStatus"].AsString() == "Stopping" ||
      facts.run["spec"]["stop"].AsBool())
    return kStopAsked;
  const auto deadline = RuntimeDeadline(facts);
  if (!deadline || facts.now < *deadline) return "";
  const bool runs = std::any_of(facts.hosts.begin(), facts.hosts.end(), [](const HostState& host) {
    return host.phase == HostPhase::kTraining;
  });
  return runs ? kMaxRuntime : "";
}

std::optional<WallTime> RuntimeDeadline(const RunFacts& facts) {
  std::optional<WallTime> first;
  for (const HostState& host : facts.hosts)
    if (host.training_at && (!first || *host.training_at < *first)) first = host.training_at;
  if (!first) return std::nullopt;
  return *first + facts.job.max_runtime;
}

bool HasTrained(const HostState& host) { return host.training_at || host.end; }

bool HasTrained(const RunFacts& facts) {
  return std::any_of(facts.hosts.begin(), facts.hosts.end(),
                     [](const HostState& host) { return HasTrained(host); });
}

WallTime CapacityDeadline(const RunFacts& facts) { return facts.unmet_since + facts.capacity_wait; }

std::optional<RunEnd> EndOf(const RunFacts& facts,
                            const std::function<std::string(const HostState&)>& last_lines) {
  if (const std::string why = StopReason(facts); !why.empty()) {
    // Hosts that had not begun are not waited for: their pods are gone or going.
    for (const HostState& host : facts.hosts)
      if (HasTrained(host) && host.phase != HostPhase::kEnded) return std::nullopt;
    return Stopped(facts, why);
  }
  if (auto failed = FailureOf(facts, last_lines)) return failed;
  if (facts.hosts.size() != facts.job.Hosts().size() || !AllEnded(facts)) return std::nullopt;
  return RunEnd{.status = "Completed",
                .secondary = "Completed",
                .message = "the training job has completed",
                .model = ModelOf(facts)};
}

json::Value FirstStatus(const json::Value& run, WallTime now) {
  std::string created = run["metadata"]["creationTimestamp"].Str();
  if (created.empty()) created = FormatTime(now);
  return Object({{"trainingJobStatus", "InProgress"},
                 {"secondaryStatus", "Starting"},
                 {"secondaryStatusTransitions",
                  json::Array({Object({{"status", "Starting"},
                                       {"startTime", created},
                                       {"statusMessage", "preparing the job"}})})},
                 {"creationTime", created},
                 {"lastModifiedTime", FormatTime(now)}});
}

json::Value NextStatus(const RunFacts& facts, const std::optional<RunEnd>& end) {
  const json::Value& before = facts.run["status"];
  StatusWriter writer(before, facts.now);
  WriteHosts(facts, writer.status());
  WriteProgress(facts, writer);
  std::optional<WallTime> started;
  for (const HostState& host : facts.hosts)
    if (host.staging_at && (!started || *host.staging_at < *started)) started = host.staging_at;
  if (started && !before.Has("trainingStartTime"))
    writer.status().Set("trainingStartTime", FormatTime(*started));
  if (!facts.metrics.IsNull()) writer.status().Set("finalMetricDataList", facts.metrics);

  const std::string why = StopReason(facts);
  if (!why.empty()) {
    writer.status().Set("trainingJobStatus", "Stopping");
    writer.Enter("Stopping", facts.now,
                 why == kMaxRuntime ? fmt::format("the job has run for MaxRuntimeInSeconds ({} s)",
                                                  facts.job.max_runtime.count())
                                    : "stopping the training job");
  }
  if (end) WriteEnd(facts, *end, writer);
  if (!(writer.status() == before)) writer.status().Set("lastModifiedTime", FormatTime(facts.now));
  return writer.status();
}

std::string LogStreamOf(const Job& job, const HostState& host) {
  if (!host.training_at) return "";
  const auto seconds = std::chrono::floor<std::chrono::seconds>(*host.training_at);
  return fmt::format("{}/{}-{}", job.name, host.host, seconds.time_since_epoch().count());
}

}  // namespace leat::engine
