#include "cli/smlogs.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

#include "aws/json_client.h"
#include "awsserver/training_run.h"
#include "base/clock.h"
#include "base/strings.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/seen_events.h"
#include "client/http_object_client.h"
#include "client/kubeconfig.h"
#include "net/client.h"

namespace leat::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{500};
// How long -f goes on asking while nobody answers: Leat may be starting again.
constexpr std::chrono::seconds kPatience{30};

struct SmlogsFlags {
  std::string kind, name;
  std::string ns, context, kubeconfig;
  std::string search_prefix;
  bool follow = false;
  bool hide_stream = false;
};

// Go's default format of a time, in the user's zone: "2020-01-28 17:19:43.244 -0800 PST".
std::string GoTime(int64_t ms) {
  const std::time_t whole = ms / 1000;
  std::tm fields{};
  localtime_r(&whole, &fields);
  char date[64], zone[64];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &fields);
  std::strftime(zone, sizeof zone, "%z %Z", &fields);
  std::string fraction = fmt::format(".{:03}", ms % 1000);
  while (fraction.ends_with('0')) fraction.pop_back();  // Go drops trailing zeros
  if (fraction == ".") fraction.clear();
  return fmt::format("{}{} {}", date, fraction, zone);
}

bool IsFinal(std::string_view status) {
  return status == "Completed" || status == "Failed" || status == "Stopped";
}

class LogPrinter {
 public:
  LogPrinter(const SmlogsFlags& flags, api::ObjectClient& cluster, std::string default_namespace)
      : flags_(flags),
        cluster_(cluster),
        ns_(flags.ns.empty() ? std::move(default_namespace) : flags.ns) {}

  Status Run() {
    auto job = AwaitName();
    if (!job) return job.error();
    const json::Value& status = (*job)["status"];
    const std::string job_name = NameAtSageMaker(*job);
    const Place place = PlaceOf(*job);
    std::fprintf(
        stderr,
        "\"%s\" has SageMaker TrainingJobName \"%s\" in region \"%s\", status \"%s\" and secondary "
        "status \"%s\"\n",
        flags_.name.c_str(), job_name.c_str(), place.region.c_str(),
        status["trainingJobStatus"].Str().c_str(), status["secondaryStatus"].Str().c_str());
    if (auto ready = PrepareServices(place); !ready) return ready;
    return Print(job_name);
  }

 private:
  static std::string NameAtSageMaker(const json::Value& job) {
    const std::string name = job["status"]["sageMakerTrainingJobName"].Str();
    return name.empty() ? job["spec"]["trainingJobName"].Str() : name;
  }

  struct Place {
    std::string region;
    std::string endpoint;  // "": the default
  };

  // Where its job runs, whatever the spec was edited to.
  static Place PlaceOf(const json::Value& job) {
    const json::Value& status = job["status"];
    const json::Value& spec = job["spec"];
    if (status["sageMakerRegion"].IsString())
      return {status["sageMakerRegion"].Str(), status["sageMakerEndpoint"].Str()};
    return {spec["region"].Str(), spec["sageMakerEndpoint"].Str()};
  }

  // The TrainingJob once it has a name at SageMaker; with -f this waits for it.
  Result<json::Value> AwaitName() {
    for (;; clock_.SleepFor(kPoll, {})) {
      auto job = cluster_.Get(api::gvr::kTrainingJobs, {ns_, flags_.name});
      if (!job || !NameAtSageMaker(*job).empty()) return job;
      const json::Value& status = (*job)["status"];
      const std::string state = status["trainingJobStatus"].Str();
      const std::string reason = status["additional"].Str();
      if (!flags_.follow || IsFinal(state))
        return Error{Code::kNotFound,
                     fmt::format("trainingjob \"{}\" has no SageMaker job yet (status \"{}\"{}); "
                                 "look again in a moment",
                                 flags_.name, state, reason.empty() ? "" : ": " + reason)};
      TellWait(state, reason.empty() ? "the job is not at SageMaker yet" : reason);
    }
  }

  // The endpoint: the job's own, else the one that Leat tells of in kube-public, else AWS's. The
  // key: the AWS chain's, else Leat's in kube-system.
  Status PrepareServices(const Place& place) {
    service_ = {.endpoint = place.endpoint,
                .region = place.region,
                .signing_name = "logs",
                .target_prefix = "Logs_20140328",
                .credentials = {}};
    net::ClientOptions options;
    if (auto config = cluster_.Get(api::gvr::kConfigMaps, {"kube-public", "leat-aws"}); config) {
      if (service_.endpoint.empty()) service_.endpoint = (*config)["data"]["endpoint"].Str();
      options.tls.ca_pem = (*config)["data"]["ca.crt"].Str();
    }
    sagemaker_ = service_;
    sagemaker_.signing_name = "sagemaker";
    sagemaker_.target_prefix = "SageMaker";
    if (service_.endpoint.empty()) {
      service_.endpoint = aws::FindEndpoint("logs", place.region);
      sagemaker_.endpoint = aws::FindEndpoint("sagemaker", place.region);
    }
    http_ = net::Client::Make(std::move(options));
    auto credentials = aws::FindCredentials();
    if (!credentials) {
      if (UseLeatKey()) return {};
      return credentials.error();
    }
    service_.credentials = *credentials;
    // The chain may hold the key of another account, for AWS itself.
    auto probe = aws::Call(*http_, service_, "DescribeLogGroups", json::Object({{"limit", 1}}));
    if (!probe && probe.error().code == Code::kForbidden && !UseLeatKey()) return probe.error();
    return {};
  }

  // Takes the key that `leat up` keeps in the cluster; false when it is not there.
  bool UseLeatKey() {
    auto secret = cluster_.Get(api::gvr::kSecrets, {"kube-system", "leat-aws"});
    if (!secret) return false;
    const auto id = Base64Decode((*secret)["data"]["accessKeyId"].AsString());
    const auto key = Base64Decode((*secret)["data"]["secretAccessKey"].AsString());
    if (!id || !key) return false;
    service_.credentials = {.access_key_id = *id, .secret_access_key = *key, .session_token = {}};
    return true;
  }

  Status Print(const std::string& job_name) {
    json::Value status;
    MonoTime answered = clock_.Monotonic();
    for (;; clock_.SleepFor(kPoll, {})) {
      const auto more = PrintOnce(job_name, status);
      if (more) {
        if (!*more) break;
        answered = clock_.Monotonic();
        continue;
      }
      const Code code = more.error().code;
      const bool away = code == Code::kUnavailable || code == Code::kTimeout;
      if (!flags_.follow || !away || clock_.Monotonic() - answered > kPatience) return more.error();
      TellWait("no answer", more.error().message);
    }
    if (!printed_) TellNothing(job_name, status);
    return {};
  }

  // Prints what is new; true while there is more to come. `status` is the TrainingJob's last one.
  Result<bool> PrintOnce(const std::string& job_name, json::Value& status) {
    // Asked before the events: once the job has ended, all of them are there.
    auto job = cluster_.Get(api::gvr::kTrainingJobs, {ns_, flags_.name});
    if (!job && job.error().code != Code::kNotFound) return job.error();
    if (job) status = (*job)["status"];  // else it was deleted: what there is, is all
    const bool more = job && flags_.follow && !IsFinal(status["trainingJobStatus"].AsString());
    // Once lines come, only a step that brings none is worth a word.
    if (more && (!printed_ || status["secondaryStatus"].AsString() != "Training")) {
      const auto [step, message] = Step(job_name, status);
      TellWait(step, message);
    }
    if (auto printed = PrintNew(job_name); !printed) return printed.error();
    return more;
  }

  // The job's secondary status and what SageMaker says of it: newer and fuller than the
  // TrainingJob's, which serves when SageMaker cannot be asked.
  std::pair<std::string, std::string> Step(const std::string& job_name, const json::Value& status) {
    sagemaker_.credentials = service_.credentials;
    auto job = aws::Call(*http_, sagemaker_, "DescribeTrainingJob",
                         json::Object({{"TrainingJobName", job_name}}));
    const std::string state = status["trainingJobStatus"].Str();
    const std::string known = status["secondaryStatus"].Str();
    if (!job) return {known.empty() ? state : known, status["additional"].Str()};
    const json::ArrayItems& steps = (*job)["SecondaryStatusTransitions"].Items();
    return {(*job)["SecondaryStatus"].Str(),
            steps.empty() ? std::string() : steps.back()["StatusMessage"].Str()};
  }

  // On stderr, once for each change: stdout carries the log and nothing else.
  void TellWait(const std::string& step, const std::string& message) {
    const std::string text = message.empty() ? step : step + ": " + message;
    if (text == told_ || IsFinal(step)) return;
    told_ = text;
    std::fprintf(stderr, "waiting: %s\n", text.c_str());
  }

  void TellNothing(const std::string& job_name, const json::Value& status) {
    const std::string state = status["trainingJobStatus"].Str();
    const std::string streams = job_name + "/" + flags_.search_prefix;
    if (IsFinal(state)) {
      const std::string reason = status["additional"].Str();
      std::fprintf(stderr, "no logs in streams %s*: the job is %s%s\n", streams.c_str(),
                   state.c_str(), reason.empty() ? "" : (": " + reason).c_str());
      return;
    }
    const auto [step, message] = Step(job_name, status);
    std::fprintf(stderr, "no logs in streams %s* yet: the job is %s, %s%s; -f waits for them\n",
                 streams.c_str(), state.c_str(), step.c_str(),
                 message.empty() ? "" : (": " + message).c_str());
  }

  // Prints what was not printed before.
  Status PrintNew(const std::string& job_name) {
    json::Value input =
        json::Object({{"logGroupName", awsserver::kTrainingLogGroup},
                      {"logStreamNamePrefix", job_name + "/" + flags_.search_prefix},
                      {"startTime", seen_.AskFromMs()}});
    for (;;) {
      auto page = aws::Call(*http_, service_, "FilterLogEvents", input);
      if (!page && page.error().code == Code::kNotFound) return {};  // no group, no logs yet
      if (!page) return page.error();
      for (const json::Value& event : (*page)["events"].Items()) PrintEvent(event);
      std::fflush(stdout);
      if ((*page)["nextToken"].AsString().empty()) return {};
      input.Set("nextToken", (*page)["nextToken"]);
    }
  }

  void PrintEvent(const json::Value& event) {
    const int64_t ms = event["timestamp"].AsInt();
    if (!seen_.Add(ms, event["eventId"].Str())) return;
    const std::string message = event["message"].Str();
    printed_ = true;
    if (flags_.hide_stream)
      std::printf("%s %s\n", GoTime(ms).c_str(), message.c_str());
    else
      std::printf("%s %s %s\n", event["logStreamName"].Str().c_str(), GoTime(ms).c_str(),
                  message.c_str());
  }

  const SmlogsFlags& flags_;
  api::ObjectClient& cluster_;
  const std::string ns_;
  RealClock clock_;
  aws::JsonService service_;    // CloudWatch Logs
  aws::JsonService sagemaker_;  // of the same endpoint and key
  std::unique_ptr<net::Client> http_;
  SeenEvents seen_;
  bool printed_ = false;  // any line at all
  std::string told_;      // what the user was last told to wait for
};

Status RunSmlogs(SmlogsFlags flags) {
  if (const auto parts = Cut(flags.kind, "/"); parts && flags.name.empty()) {  // as kubectl logs
    flags.name = parts->second;
    flags.kind = std::string(parts->first);
  }
  if (flags.name.empty())
    return Error{Code::kInvalid, "which job? Say `kubectl smlogs trainingjob NAME`"};
  const std::string kind = Lower(flags.kind);
  if (kind == "hyperparametertuningjob" || kind == "hyperparametertuningjobs")
    return Error{
        Code::kInvalid,
        "a HyperParameterTuningJob has no logs of its own: use `kubectl smlogs trainingjob` with "
        "one of the TrainingJobs it made (kubectl get trainingjobs)"};
  if (kind == "batchtransformjob" || kind == "batchtransformjobs")
    return Error{Code::kUnimplemented, "BatchTransformJobs are not served yet"};
  if (kind != "trainingjob" && kind != "trainingjobs")
    return Error{
        Code::kInvalid,
        fmt::format("there are no SageMaker logs for \"{}\": use TrainingJob", flags.kind)};
  auto access = client::LoadKubeconfig(flags.kubeconfig, flags.context);
  if (!access) return access.error();
  auto cluster = client::MakeHttpObjectClient(*access);
  if (!cluster) return cluster.error();
  return LogPrinter(flags, **cluster, access->default_namespace).Run();
}

}  // namespace

int SmlogsMain(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `kubectl smlogs ... | head` ends quietly
  SmlogsFlags flags;
  CLI::App app{"Shows the logs of a SageMaker job by its Kubernetes name", "kubectl smlogs"};
  app.add_option("KIND", flags.kind, "TrainingJob, or TrainingJob/NAME")->required();
  app.add_option("NAME", flags.name, "Name of the Kubernetes object");
  app.add_flag("-f,--follow", flags.follow, "Go on until the job has ended");
  app.add_flag("--hide-log-stream-name", flags.hide_stream, "Leave out the log stream's name");
  app.add_option("-p,--logSearchPrefix", flags.search_prefix,
                 "Only streams that start so, e.g. algo-1");
  app.add_option("-n,--namespace", flags.ns, "Namespace of the object");
  app.add_option("--context", flags.context, "Context of the kubeconfig");
  app.add_option("--kubeconfig", flags.kubeconfig, "Path of the kubeconfig");
  if (const auto status = ParseCommandLine(app, Arguments(app, argc, argv))) return *status;
  const Status done = RunSmlogs(flags);
  return done ? 0 : Fail(done.error());
}

}  // namespace leat::cli
