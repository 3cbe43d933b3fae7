#include "engine/run_reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/meta.h"
#include "awsserver/awsserver.h"
#include "awsserver/training_run.h"
#include "base/log.h"
#include "base/strings.h"
#include "engine/objects.h"
#include "engine/unobeyed.h"

namespace leat::engine {
namespace {

using reconcile::EventType;
using reconcile::Outcome;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// How soon to look again at what no watched object tells.
constexpr milliseconds kLogPoll{100};
constexpr seconds kNodePoll{1};
constexpr size_t kLastLines = 10;

std::vector<std::string> RecordedHosts(const json::Value& run) {
  std::vector<std::string> names;
  for (const json::Value& host : run["status"]["hosts"].Items())
    names.push_back(host["name"].Str());
  return names;
}

// When time alone, which no watched object tells, may change the run.
std::optional<nanoseconds> NextLook(const RunFacts& facts) {
  if (facts.hosts.empty()) return kNodePoll;
  for (const HostState& host : facts.hosts)
    if (host.stuck)
      return std::max<nanoseconds>(seconds(1),
                                   host.stuck_since + kStuckPatience + seconds(1) - facts.now);
  if (!facts.unmet.empty())
    return std::max<nanoseconds>(seconds(1), CapacityDeadline(facts) + seconds(1) - facts.now);
  const auto deadline = RuntimeDeadline(facts);
  if (!deadline || *deadline < facts.now) return std::nullopt;
  return *deadline - facts.now + milliseconds(1);
}

std::optional<nanoseconds> Earlier(std::optional<nanoseconds> a, std::optional<nanoseconds> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

bool IsAmong(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string WithoutEffect(const json::Value& request) {
  const std::vector<std::string> unobeyed = UnobeyedMembers(request);
  if (unobeyed.empty()) return "";
  return "kept with the job, but without effect here: " + Join(unobeyed, ", ");
}

}  // namespace

RunReconciler::RunReconciler(EngineOptions options, api::ObjectClient& client,
                             awsserver::LogStore& logs, Clock& clock)
    : options_(std::move(options)),
      client_(client),
      logs_(logs),
      clock_(clock),
      events_(client, clock, "leat-engine"),
      collector_(client, logs, clock),
      metrics_(logs, clock) {}

Result<Outcome> RunReconciler::Reconcile(const api::ObjectName& key, const std::stop_token&) {
  auto run = client_.Get(api::gvr::kTrainingRuns, key);
  if (!run && run.error().code == Code::kNotFound) {
    metrics_.Forget(key);
    ForgetUnmet(key);
    return Outcome{};
  }
  if (!run) return run.error();
  if (api::IsBeingDeleted(*run)) return Outcome{};  // its pods go with it
  if (awsserver::IsFinished(awsserver::RunStatus(*run))) return CleanUp(*run);
  if (!(*run)["status"].Has("trainingJobStatus"))
    return WriteStatus(*run, FirstStatus(*run, clock_.Now()));  // which wakes us again
  auto job = ReadJob((*run)["spec"]);
  if (!job) {
    const Job nothing;
    const RunFacts facts{.run = *run, .job = nothing, .now = clock_.Now()};
    const std::string reason = "ClientError: " + job.error().message;
    return WriteStatus(*run, NextStatus(facts, RunEnd{.status = "Failed",
                                                      .secondary = "Failed",
                                                      .message = reason,
                                                      .failure = reason}));
  }
  return Advance(*run, *job);
}

Result<Outcome> RunReconciler::Advance(const json::Value& run, const Job& job) {
  RunFacts facts{
      .run = run, .job = job, .capacity_wait = options_.capacity_wait, .now = clock_.Now()};
  if (auto gathered = Gather(facts); !gathered) return gathered.error();
  RememberUnmet(facts);
  if (auto told = Annotate(facts); !told) return told.error();
  if (!StopReason(facts).empty()) {
    const auto not_begun = [](const json::Value& pod) { return !HasTrained(ReadHost(pod)); };
    if (auto deleted = DeletePods(run, not_begun); !deleted) return deleted.error();
  }

  const bool logs_complete = CollectLogs(facts);
  auto end = EndOf(facts, [&](const HostState& host) {
    return logs_complete ? LastLines(job, host) : std::string();
  });
  const MetricReader::Reading metrics = ReadMetrics(facts, end && logs_complete);
  const bool waits_for_logs = end && !(logs_complete && metrics.complete);
  if (waits_for_logs) end.reset();
  auto written = WriteStatus(run, NextStatus(facts, end));
  if (!written || end) return written;
  if (waits_for_logs) return Outcome{kLogPoll};
  return Outcome{Earlier(NextLook(facts), HasTrained(facts) ? metrics.again_after : std::nullopt)};
}

Status RunReconciler::Gather(RunFacts& facts) {
  const api::ObjectName name = api::NameOf(facts.run);
  auto pods = client_.List(api::gvr::kPods,
                           {.ns = name.ns, .label_selector = kRunLabel + ("=" + name.name)});
  if (!pods) return pods.error();
  // In the hosts' order, and only those that are this very run's.
  const std::string uid = facts.run["metadata"]["uid"].Str();
  const std::vector<std::string> recorded = RecordedHosts(facts.run);
  std::vector<std::string> missing;
  for (const std::string& host : facts.job.Hosts()) {
    const auto pod = std::find_if(pods->items.begin(), pods->items.end(), [&](const auto& item) {
      return api::ControllerUid(item) == uid &&
             item["metadata"]["labels"][kHostLabel].AsString() == host;
    });
    if (pod != pods->items.end())
      facts.hosts.push_back(ReadHost(*pod));
    else
      (IsAmong(recorded, host) ? facts.vanished : missing).push_back(host);
  }
  const bool starting = facts.run["status"]["secondaryStatus"].AsString() == "Starting";
  if (!starting || !facts.vanished.empty() || !StopReason(facts).empty()) return {};
  return MakeMissing(facts, missing);
}

Status RunReconciler::MakeMissing(RunFacts& facts, const std::vector<std::string>& missing) {
  auto nodes = client_.List(api::gvr::kNodes);
  if (!nodes) return nodes.error();
  if (nodes->items.empty()) {
    facts.starting_message = "waiting for a node: the cluster has none yet";
    return {};
  }
  const HostResources resources =
      FitInstance(facts.job.instance_type, facts.job.instance_count, nodes->items);
  const std::string unobeyed = WithoutEffect(facts.run["spec"]["job"]);
  facts.starting_message = resources.adaptation;
  if (!unobeyed.empty()) {
    facts.starting_message += (resources.adaptation.empty() ? "" : "; ") + unobeyed;
  }
  facts.unmet = resources.unmet;
  if (missing.empty()) return {};
  if (auto made = CreateOnce(api::gvr::kSecrets, MakeKeySecret(facts.run, facts.job)); !made)
    return made;
  if (auto made = CreateOnce(api::gvr::kSecrets, MakeRunSecret(facts.run, options_)); !made)
    return made;
  for (const std::string& host : missing) {
    const json::Value pod = MakePod(facts.run, facts.job, host, resources, options_);
    if (auto made = CreateOnce(api::gvr::kPods, pod); !made) return made;
    facts.hosts.push_back(ReadHost(pod));
  }
  if (!resources.adaptation.empty())
    events_.Record(facts.run, EventType::kNormal, "InstanceAdapted", resources.adaptation);
  if (!unobeyed.empty()) events_.Record(facts.run, EventType::kWarning, "NotObeyed", unobeyed);
  return {};
}

Status RunReconciler::CreateOnce(const api::Gvr& type, const json::Value& object) {
  const api::ObjectName name = api::NameOf(object);
  auto made = client_.Create(type, object);
  if (made) return {};
  if (made.error().code != Code::kAlreadyExists)
    return made.error().Within("create " + type.resource + " " + name.ToString());
  auto there = client_.Get(type, name);
  if (!there) return there.error();
  if (api::ControllerUid(*there) == api::ControllerUid(object)) return {};
  // Of an earlier run of that name, which is on its way out.
  return Error{Code::kConflict, type.resource + " " + name.ToString() + " belongs to another run"};
}

void RunReconciler::RememberUnmet(RunFacts& facts) {
  const api::ObjectName name = api::NameOf(facts.run);
  if (facts.unmet.empty()) return ForgetUnmet(name);
  const std::string uid = facts.run["metadata"]["uid"].Str();
  MutexLock lock(mu_);
  Unmet& known = unmet_[name];
  if (known.run_uid != uid) known = {uid, facts.now};
  facts.unmet_since = known.since;
}

void RunReconciler::ForgetUnmet(const api::ObjectName& run) {
  MutexLock lock(mu_);
  unmet_.erase(run);
}

Status RunReconciler::Annotate(const RunFacts& facts) {
  const std::string stop = StopReason(facts);
  for (const HostState& host : facts.hosts) {
    json::Value annotations = json::Object();
    if (host.end && !host.exit_code_told)
      annotations.Set(kExitCodeAnnotation, std::to_string(host.end->exit_code));
    if (!stop.empty() && host.stop.empty()) annotations.Set(kStopAnnotation, stop);
    if (annotations.empty()) continue;
    auto patched = client_.Patch(
        api::gvr::kPods, {api::NameOf(facts.run).ns, host.pod}, api::PatchType::kMerge,
        json::Object({{"metadata", json::Object({{"annotations", annotations}})}}));
    if (!patched && patched.error().code != Code::kNotFound) return patched.error();
  }
  return {};
}

bool RunReconciler::CollectLogs(const RunFacts& facts) {
  bool complete = true;
  for (const HostState& host : facts.hosts) {
    const LogSource source{.pod = {api::NameOf(facts.run).ns, host.pod},
                           .container = kAlgorithm,
                           .region = facts.job.region,
                           .stream = LogStreamOf(facts.job, host)};
    if (source.stream.empty()) continue;
    collector_.Follow(source);
    if (host.end) complete = collector_.IsComplete(source) && complete;
  }
  return complete;
}

MetricReader::Reading RunReconciler::ReadMetrics(RunFacts& facts, bool at_end) {
  std::set<std::string> streams;
  for (const json::Value& host : facts.run["status"]["hosts"].Items())
    streams.insert(host["logStream"].Str());
  for (const HostState& host : facts.hosts) streams.insert(LogStreamOf(facts.job, host));
  streams.erase("");
  auto reading = metrics_.Read(facts.run, facts.job, {streams.begin(), streams.end()}, at_end);
  for (const std::string& mistake : reading.mistakes)
    events_.Record(facts.run, EventType::kWarning, "MetricIgnored", mistake);
  facts.metrics = reading.points;
  return reading;
}

std::string RunReconciler::LastLines(const Job& job, const HostState& host) {
  const std::string stream = LogStreamOf(job, host);
  if (stream.empty()) return "";
  auto events = logs_.Query({.group = awsserver::TrainingLogs(job.region),
                             .streams = {stream},
                             .limit = kLastLines,
                             .newest_first = true});
  if (!events) return "";
  std::vector<std::string> lines;
  for (auto event = events->rbegin(); event != events->rend(); ++event)
    lines.push_back(event->message);
  return Join(lines, "\n");
}

Result<Outcome> RunReconciler::WriteStatus(const json::Value& run, json::Value status) {
  if (run["status"] == status) return Outcome{};
  json::Value updated = run;
  updated.Set("status", status);
  auto written = client_.UpdateStatus(api::gvr::kTrainingRuns, updated);
  if (!written && written.error().code == Code::kNotFound) return Outcome{};
  if (!written) return written.error();
  if (run["status"]["secondaryStatus"] != status["secondaryStatus"]) {
    const bool failed = status["trainingJobStatus"].AsString() == "Failed";
    events_.Record(run, failed ? EventType::kWarning : EventType::kNormal,
                   status["secondaryStatus"].AsString(),
                   status["secondaryStatusTransitions"].Items().back()["statusMessage"].AsString());
  }
  return Outcome{};
}

Status RunReconciler::DeletePods(const json::Value& run,
                                 const std::function<bool(const json::Value& pod)>& which) {
  const api::ObjectName name = api::NameOf(run);
  auto pods = client_.List(api::gvr::kPods,
                           {.ns = name.ns, .label_selector = kRunLabel + ("=" + name.name)});
  if (!pods) return pods.error();
  for (const json::Value& pod : pods->items) {
    if (api::ControllerUid(pod) != run["metadata"]["uid"].AsString() || api::IsBeingDeleted(pod))
      continue;
    if (which && !which(pod)) continue;
    auto deleted = client_.Delete(api::gvr::kPods, api::NameOf(pod));
    if (!deleted && deleted.error().code != Code::kNotFound) return deleted;
  }
  return {};
}

Result<Outcome> RunReconciler::CleanUp(const json::Value& run) {
  const api::ObjectName name = api::NameOf(run);
  for (const std::string& secret :
       {awsserver::KeySecretName(AccessKeyId(run)), RunSecretName(name.name)}) {
    auto deleted = client_.Delete(api::gvr::kSecrets, {name.ns, secret});
    if (!deleted && deleted.error().code != Code::kNotFound) return deleted.error();
  }
  if (auto deleted = DeletePods(run); !deleted) return deleted.error();
  const std::string region = run["spec"]["region"].Str();
  for (const json::Value& host : run["status"]["hosts"].Items())
    collector_.Forget(region, host["logStream"].Str());
  metrics_.Forget(name);
  ForgetUnmet(name);

  auto ended = ParseTime(run["status"]["lastModifiedTime"].AsString());
  const nanoseconds left = (ended ? *ended : clock_.Now()) + options_.keep_finished - clock_.Now();
  if (left > nanoseconds::zero()) return Outcome{left};
  const std::string prefix = run["spec"]["trainingJobName"].Str() + "/";
  if (auto deleted = logs_.DeleteStreams(awsserver::TrainingLogs(region), prefix); !deleted)
    return deleted.error();
  auto deleted = client_.Delete(api::gvr::kTrainingRuns, name);
  if (!deleted && deleted.error().code != Code::kNotFound) return deleted.error();
  LogInfo("deleted a training run of long ago", {{"run", name.ToString()}});
  return Outcome{};
}

}  // namespace leat::engine
