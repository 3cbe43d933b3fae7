#include "sagemaker/training_job.h"

#include <fmt/format.h>

#include "api/meta.h"
#include "sagemaker/request.h"

namespace leat::sagemaker {
namespace {

using reconcile::EventType;
using reconcile::Outcome;

constexpr char kFinalizer[] = "sagemaker-operator-finalizer";
constexpr char kSynchronizing[] = "SynchronizingK8sJobWithSageMaker";
constexpr char kReconciling[] = "ReconcilingTrainingJob";
constexpr char kNoUpdates[] =
    "Updates to TrainingJob are not supported: the job at SageMaker goes on as it was created. "
    "Restore the spec, or delete this TrainingJob and create another";

// Which job at SageMaker an object stands for.
struct Identity {
  std::string name;  // "" when there is none
  Place place;
  bool operator==(const Identity&) const = default;
};

Identity Asked(const json::Value& job) {
  const json::Value& spec = job["spec"];
  return {spec["trainingJobName"].Str(), {spec["region"].Str(), spec["sageMakerEndpoint"].Str()}};
}

// As written before the job was created; an older status has no place, and had the spec's.
Identity Recorded(const json::Value& job) {
  const json::Value& status = job["status"];
  Identity known = Asked(job);
  known.name = status["sageMakerTrainingJobName"].Str();
  if (status["sageMakerRegion"].IsString())
    known.place = {status["sageMakerRegion"].Str(), status["sageMakerEndpoint"].Str()};
  return known;
}

void Record(const Identity& identity, json::Value& status) {
  status.Set("sageMakerTrainingJobName", identity.name)
      .Set("sageMakerRegion", identity.place.region);
  if (!identity.place.endpoint.empty()) status.Set("sageMakerEndpoint", identity.place.endpoint);
}

void Forget(json::Value& status) {
  for (const char* key : {"sageMakerTrainingJobName", "sageMakerRegion", "sageMakerEndpoint"})
    status.Erase(key);
}

// True once SageMaker has described the job: only that brings the log's address.
bool WasSeen(const json::Value& status) { return status.Has("cloudWatchLogUrl"); }

json::Value Which(const Identity& identity) {
  return json::Object({{"TrainingJobName", identity.name}});
}

}  // namespace

TrainingJobReconciler::TrainingJobReconciler(SageMakerApi& sagemaker, api::ObjectClient& client,
                                             Clock& clock, std::chrono::milliseconds poll,
                                             Yields yields)
    : sagemaker_(sagemaker),
      client_(client),
      clock_(clock),
      poll_(poll),
      yields_(std::move(yields)),
      events_(client, clock, "sagemaker-operator") {}

Result<Outcome> TrainingJobReconciler::Reconcile(const api::ObjectName& key,
                                                 const std::stop_token& stop) {
  auto job = client_.Get(api::gvr::kTrainingJobs, key);
  if (!job && job.error().code == Code::kNotFound) return Outcome{};
  if (!job) return job.error();
  if (yields_ && yields_(stop)) return Outcome{poll_};
  if (api::IsBeingDeleted(*job)) return Delete(std::move(*job), stop);
  const json::Value& status = (*job)["status"];
  if (status["trainingJobStatus"].AsString().empty())
    return SetStatus(*job, json::Object({{"trainingJobStatus", kSynchronizing}}));
  auto adopted = Adopt(*job);
  if (!adopted) return adopted.error();
  if (!*adopted) return Outcome{};  // the change wakes us again

  const Identity asked = Asked(*job), known = Recorded(*job);
  if (!known.name.empty() && known != asked) return Fail(*job, kNoUpdates);
  auto description = sagemaker_.Call(asked.place, "DescribeTrainingJob", Which(asked), stop);
  if (description) return Follow(*job, *description);
  if (description.error().code != Code::kNotFound) return OnError(*job, description.error());
  // A finished job that SageMaker has forgotten keeps the status it ended with.
  if (IsTerminal(status["trainingJobStatus"].AsString())) return Outcome{};
  if (WasSeen(status))
    return Fail(*job,
                fmt::format("the training job {} is gone from SageMaker in {} ({}): it was "
                            "deleted there, or its endpoint lost its data. Delete this "
                            "TrainingJob and create another",
                            asked.name, asked.place.region, sagemaker_.EndpointOf(asked.place)));
  return CreateAtSageMaker(*job, stop);
}

Result<Outcome> TrainingJobReconciler::Delete(json::Value job, const std::stop_token& stop) {
  if (!api::HasFinalizer(job, kFinalizer)) return Outcome{};
  const Identity known = Recorded(job);
  if (!known.name.empty()) {
    const auto unknown = [&](const Error& error) {
      const api::ObjectName name = api::NameOf(job);
      return OnError(
          job,
          Error{error.code,
                fmt::format("{} may still run at SageMaker in {}, so this TrainingJob stays "
                            "until it is stopped: {}. To give that job up: kubectl patch "
                            "trainingjob {} -n {} --type=merge -p "
                            "'{{\"metadata\":{{\"finalizers\":null}}}}'",
                            known.name, known.place.region, error.message, name.name, name.ns)});
    };
    auto description = sagemaker_.Call(known.place, "DescribeTrainingJob", Which(known), stop);
    if (!description && description.error().code != Code::kNotFound)
      return unknown(description.error());
    const std::string_view state =
        description ? (*description)["TrainingJobStatus"].AsString() : "Stopped";
    if (state == "InProgress") {
      auto stopped = sagemaker_.Call(known.place, "StopTrainingJob", Which(known), stop);
      if (!stopped) return unknown(stopped.error());
      events_.Record(job, EventType::kNormal, "Stopping",
                     fmt::format("the TrainingJob is being deleted: stopping {} at SageMaker first",
                                 known.name));
    }
    if (!IsTerminal(state)) {
      json::Value status =
          StatusOf(*description, known.place.region, sagemaker_.EndpointOf(known.place));
      Record(known, status);
      auto done = SetStatus(job, std::move(status), *description);
      if (!done) return done;
      return Outcome{poll_};
    }
  }
  api::RemoveFinalizer(job, kFinalizer);
  auto released = client_.Update(api::gvr::kTrainingJobs, job);
  if (!released && released.error().code != Code::kNotFound) return released.error();
  return Outcome{};
}

Result<bool> TrainingJobReconciler::Adopt(const json::Value& job) {
  json::Value adopted = job;
  bool changed = api::AddFinalizer(adopted, kFinalizer);
  if (job["spec"]["trainingJobName"].AsString().empty()) {
    // A spec that was replaced by one without a name still means its job.
    std::string name = Recorded(job).name;
    if (name.empty())
      name = GeneratedJobName(job["metadata"]["name"].Str(), job["metadata"]["uid"].Str());
    adopted.Mut("spec").Set("trainingJobName", name);
    changed = true;
  }
  if (!changed) return true;
  auto updated = client_.Update(api::gvr::kTrainingJobs, adopted);
  if (!updated) return updated.error();
  return false;
}

Result<Outcome> TrainingJobReconciler::CreateAtSageMaker(const json::Value& job,
                                                         const std::stop_token& stop) {
  const Identity asked = Asked(job);
  if (Recorded(job).name.empty()) {
    json::Value status = job["status"];
    Record(asked, status);
    return SetStatus(job, std::move(status));  // which wakes us again
  }
  auto created = sagemaker_.Call(asked.place, "CreateTrainingJob",
                                 CreateTrainingJobRequest(job["spec"], asked.name), stop);
  if (!created && created.error().code == Code::kInvalid) {
    json::Value refused = job;
    Forget(refused.Mut("status"));  // there is no such job
    return OnError(refused, created.error());
  }
  // Taken: by ourselves, when a call before this one was cut off; else the text tells by whom.
  if (!created && created.error().code != Code::kAlreadyExists)
    return OnError(job, created.error());
  auto description = sagemaker_.Call(asked.place, "DescribeTrainingJob", Which(asked), stop);
  if (!description) return OnError(job, created ? description.error() : created.error());
  if (created)
    events_.Record(job, EventType::kNormal, "Created",
                   fmt::format("created training job {} at SageMaker in {} ({})", asked.name,
                               asked.place.region, sagemaker_.EndpointOf(asked.place)));
  return Follow(job, *description);
}

Result<Outcome> TrainingJobReconciler::Follow(const json::Value& job,
                                              const json::Value& description) {
  const Identity asked = Asked(job);
  if (!Describes(description, CreateTrainingJobRequest(job["spec"], asked.name))) {
    if (WasSeen(job["status"])) return Fail(job, kNoUpdates);
    return Fail(job, fmt::format("SageMaker in {} has a training job {} that this spec does not "
                                 "describe: another spec.trainingJobName, or none, makes a new job",
                                 asked.place.region, asked.name));
  }
  json::Value status =
      StatusOf(description, asked.place.region, sagemaker_.EndpointOf(asked.place));
  Record(asked, status);
  return SetStatus(job, std::move(status), description);
}

Result<Outcome> TrainingJobReconciler::Fail(const json::Value& job, const std::string& why) {
  json::Value failed = job["status"];
  failed.Set("trainingJobStatus", "Failed").Set("additional", why);
  return SetStatus(job, std::move(failed));
}

Result<Outcome> TrainingJobReconciler::OnError(const json::Value& job, const Error& error) {
  if (error.code == Code::kCancelled) return error;
  json::Value status = job["status"].IsObject() ? job["status"] : json::Object();
  const bool hopeless = error.code == Code::kInvalid && !api::IsBeingDeleted(job);
  status.Set("trainingJobStatus", hopeless ? "Failed" : kReconciling)
      .Set("additional", error.message);
  auto written = SetStatus(job, std::move(status));
  if (!written) return written;
  return hopeless ? Outcome{} : Outcome{poll_};
}

Result<Outcome> TrainingJobReconciler::SetStatus(const json::Value& job, json::Value status,
                                                 const json::Value& description) {
  const std::string_view state = status["trainingJobStatus"].AsString();
  const Outcome next = IsTerminal(state) || state == kSynchronizing ? Outcome{} : Outcome{poll_};
  json::Value before = job["status"];
  before.Erase("lastCheckTime");
  status.Erase("lastCheckTime");
  if (before == status) return next;

  json::Value updated = job;
  status.Set("lastCheckTime", FormatTime(clock_.Now()));
  updated.Set("status", status);
  auto written = client_.UpdateStatus(api::gvr::kTrainingJobs, updated);
  if (!written && written.error().code == Code::kNotFound) return Outcome{};
  if (!written) return written.error();

  Tell(job, before, status, description);
  return next;
}

void TrainingJobReconciler::Tell(const json::Value& job, const json::Value& before,
                                 const json::Value& after, const json::Value& description) {
  const std::string_view state = after["trainingJobStatus"].AsString();
  if (state == "Failed" || state == kReconciling) {
    if (before["additional"] != after["additional"])
      events_.Record(job, EventType::kWarning, state, after["additional"].AsString());
    return;
  }
  // A short step may have passed between two looks: tell of each since the one last seen.
  const json::ArrayItems& steps = description["SecondaryStatusTransitions"].Items();
  auto next = steps.end();
  if (before["trainingJobStatus"].AsString() == "Stopping" && !steps.empty())
    --next;  // while stopping, the status names no step
  else
    while (next != steps.begin() &&
           (*std::prev(next))["Status"].AsString() != before["secondaryStatus"].AsString())
      --next;
  // The step is the same, but it has something new to say.
  if (next == steps.end() && !steps.empty() && before["additional"] != after["additional"]) --next;
  for (; next != steps.end(); ++next)
    events_.Record(job, EventType::kNormal, (*next)["Status"].AsString(),
                   (*next)["StatusMessage"].AsString());
}

}  // namespace leat::sagemaker
