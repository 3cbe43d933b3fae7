#include "sagemaker/training_job.h"

#include <fmt/format.h>

#include "api/meta.h"
#include "base/log.h"
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
    "Restore "
    "the spec, or delete this TrainingJob and create another";

}  // namespace

TrainingJobReconciler::TrainingJobReconciler(const OperatorOptions& options,
                                             api::ObjectClient& client, Clock& clock)
    : options_(options),
      client_(client),
      clock_(clock),
      http_(net::Client::Make({.tls = {.ca_pem = options.ca_pem}})),
      events_(client, clock, "sagemaker-operator") {}

aws::JsonService TrainingJobReconciler::ServiceFor(const json::Value& job) const {
  const std::string region = job["spec"]["region"].Str();
  std::string endpoint = job["spec"]["sageMakerEndpoint"].Str();
  aws::Credentials credentials = options_.credentials;
  // The default endpoint's key is nobody else's business.
  if (!endpoint.empty() && endpoint != options_.default_endpoint)
    credentials = aws::FindCredentials().value_or(aws::Credentials());
  if (endpoint.empty()) endpoint = options_.default_endpoint;
  if (endpoint.empty()) endpoint = aws::FindEndpoint("sagemaker", region);
  return {.endpoint = endpoint,
          .region = region,
          .signing_name = "sagemaker",
          .target_prefix = "SageMaker",
          .credentials = std::move(credentials)};
}

Result<Outcome> TrainingJobReconciler::Reconcile(const api::ObjectName& key,
                                                 const std::stop_token& stop) {
  auto job = client_.Get(api::gvr::kTrainingJobs, key);
  if (!job && job.error().code == Code::kNotFound) return Outcome{};
  if (!job) return job.error();
  if (api::IsBeingDeleted(*job)) return Delete(std::move(*job), stop);
  const json::Value& status = (*job)["status"];
  if (status["trainingJobStatus"].AsString().empty())
    return SetStatus(*job, json::Object({{"trainingJobStatus", kSynchronizing}}));
  auto adopted = Adopt(*job);
  if (!adopted) return adopted.error();
  if (!*adopted) return Outcome{};  // the change wakes us again

  const std::string name = (*job)["spec"]["trainingJobName"].Str();
  const json::Value request = CreateTrainingJobRequest((*job)["spec"], name);
  const aws::JsonService service = ServiceFor(*job);
  auto description = aws::Call(*http_, service, "DescribeTrainingJob",
                               json::Object({{"TrainingJobName", name}}), stop);
  if (!description && description.error().code == Code::kNotFound) {
    // A finished job that SageMaker has forgotten keeps the status it ended with.
    if (IsTerminal(status["trainingJobStatus"].AsString())) return Outcome{};
    return CreateAtSageMaker(*job, request, stop);
  }
  if (!description) return OnError(*job, description.error());
  if (!Describes(*description, request)) {
    json::Value failed = status;
    failed.Set("trainingJobStatus", "Failed").Set("additional", kNoUpdates);
    return SetStatus(*job, std::move(failed));
  }
  return SetStatus(*job, StatusOf(*description, service.region, service.endpoint), *description);
}

Result<Outcome> TrainingJobReconciler::Delete(json::Value job, const std::stop_token& stop) {
  if (!api::HasFinalizer(job, kFinalizer)) return Outcome{};
  const std::string name = job["spec"]["trainingJobName"].Str();
  if (!name.empty()) {
    const aws::JsonService service = ServiceFor(job);
    const json::Value which = json::Object({{"TrainingJobName", name}});
    auto description = aws::Call(*http_, service, "DescribeTrainingJob", which, stop);
    if (!description && description.error().code != Code::kNotFound)
      return OnError(job, description.error());
    const std::string_view state =
        description ? (*description)["TrainingJobStatus"].AsString() : "Stopped";
    if (state == "InProgress") {
      auto stopped = aws::Call(*http_, service, "StopTrainingJob", which, stop);
      if (!stopped) return OnError(job, stopped.error());
      events_.Record(
          job, EventType::kNormal, "Stopping",
          fmt::format("the TrainingJob is being deleted: stopping {} at SageMaker first", name));
    }
    if (!IsTerminal(state)) {
      if (description) {
        auto done =
            SetStatus(job, StatusOf(*description, service.region, service.endpoint), *description);
        if (!done) return done;
      }
      return Outcome{options_.poll};
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
    adopted.Mut("spec").Set("trainingJobName", GeneratedJobName(job["metadata"]["name"].Str(),
                                                                job["metadata"]["uid"].Str()));
    changed = true;
  }
  if (!changed) return true;
  auto updated = client_.Update(api::gvr::kTrainingJobs, adopted);
  if (!updated) return updated.error();
  return false;
}

Result<Outcome> TrainingJobReconciler::CreateAtSageMaker(const json::Value& job,
                                                         const json::Value& request,
                                                         const std::stop_token& stop) {
  const aws::JsonService service = ServiceFor(job);
  auto created = aws::Call(*http_, service, "CreateTrainingJob", request, stop);
  if (!created && created.error().code != Code::kAlreadyExists)
    return OnError(job, created.error());
  if (created)
    events_.Record(
        job, EventType::kNormal, "Created",
        fmt::format("created training job {} at SageMaker in {} ({})",
                    request["TrainingJobName"].AsString(), service.region, service.endpoint));
  return Outcome{std::chrono::nanoseconds(0)};  // now describe it
}

Result<Outcome> TrainingJobReconciler::OnError(const json::Value& job, const Error& error) {
  if (error.code == Code::kCancelled) return error;
  json::Value status = job["status"].IsObject() ? job["status"] : json::Object();
  const bool hopeless = error.code == Code::kInvalid && !api::IsBeingDeleted(job);
  status.Set("trainingJobStatus", hopeless ? "Failed" : kReconciling)
      .Set("additional", error.message);
  auto written = SetStatus(job, std::move(status));
  if (!written) return written;
  return hopeless ? Outcome{} : Outcome{options_.poll};
}

Result<Outcome> TrainingJobReconciler::SetStatus(const json::Value& job, json::Value status,
                                                 const json::Value& description) {
  const std::string_view state = status["trainingJobStatus"].AsString();
  const Outcome next =
      IsTerminal(state) || state == kSynchronizing ? Outcome{} : Outcome{options_.poll};
  json::Value before = job["status"];
  before.Erase("lastCheckTime");
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
  for (; next != steps.end(); ++next)
    events_.Record(job, EventType::kNormal, (*next)["Status"].AsString(),
                   (*next)["StatusMessage"].AsString());
}

}  // namespace leat::sagemaker
