#include "sagemaker/request.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "net/client.h"

namespace leat::sagemaker {
namespace {

constexpr size_t kMaxJobName = 63;

// Members of the spec that say where and as what to call, not what to train.
const std::set<std::string_view> kNotForSageMaker = {"region", "sageMakerEndpoint",
                                                     "trainingJobName"};
// Lists of {name, value} that SageMaker takes as maps.
const std::set<std::string_view> kMaps = {"hyperParameters", "collectionParameters",
                                          "hookParameters", "ruleParameters"};

std::string UpperFirst(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

json::Value Translate(const json::Value& value) {
  if (value.IsArray()) {
    json::Value items = json::Array();
    for (const json::Value& item : value.Items()) items.Push(Translate(item));
    return items;
  }
  if (!value.IsObject()) return value;
  json::Value members = json::Object();
  for (const json::Member& member : value.Members()) {
    if (kMaps.contains(member.key)) {
      json::Value map = json::Object();
      for (const json::Value& pair : member.value.Items())
        map.Set(pair["name"].AsString(), pair["value"]);
      members.Set(UpperFirst(member.key), std::move(map));
    } else {
      members.Set(UpperFirst(member.key), Translate(member.value));
    }
  }
  return members;
}

// api.sagemaker.eu-west-1.amazonaws.com, ....amazonaws.com.cn, VPC and dual-stack endpoints.
bool IsAwsHost(std::string_view host) {
  for (const std::string_view domain :
       {".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"})
    if (host.ends_with(domain)) return true;
  return false;
}

// Why the job failed or stopped, what it waits for, or what it is doing.
std::string_view WhatIsSaid(const json::Value& description) {
  if (const std::string_view reason = description["FailureReason"].AsString(); !reason.empty())
    return reason;
  const json::ArrayItems& steps = description["SecondaryStatusTransitions"].Items();
  if (steps.empty() || description["TrainingJobStatus"].AsString() == "Completed") return "";
  return steps.back()["StatusMessage"].AsString();
}

}  // namespace

json::Value CreateTrainingJobRequest(const json::Value& spec, const std::string& name) {
  json::Value wanted = json::Object();
  for (const json::Member& member : spec.Members())
    if (!kNotForSageMaker.contains(member.key)) wanted.Set(member.key, member.value);
  json::Value request = Translate(wanted);
  request.Set("TrainingJobName", name);
  return request;
}

std::string GeneratedJobName(const std::string& object_name, const std::string& uid) {
  std::string plain_uid;
  for (char c : uid)
    if (c != '-') plain_uid += c;
  const size_t room = kMaxJobName - plain_uid.size() - 1;
  std::string name = object_name.substr(0, room);
  // SageMaker's names have no dots, which object names may have, and must not end in a dash.
  for (char& c : name)
    if (c == '.') c = '-';
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? plain_uid : name + "-" + plain_uid;
}

bool Describes(const json::Value& description, const json::Value& request) {
  if (request.IsObject()) {
    for (const json::Member& member : request.Members())
      if (member.key != "Tags" && !Describes(description[member.key], member.value)) return false;
    return true;
  }
  if (request.IsArray()) {
    if (description.size() < request.size()) return false;
    for (size_t i = 0; i < request.size(); ++i)
      if (!Describes(description[i], request[i])) return false;
    return true;
  }
  return description == request;
}

std::string LogUrl(const std::string& job_name, const std::string& region,
                   const std::string& endpoint) {
  std::string base =
      fmt::format("https://{0}.console.aws.amazon.com/cloudwatch/home?region={0}", region);
  if (auto url = net::Url::Parse(endpoint); url && !IsAwsHost(url->host)) {
    base = endpoint;
    if (!base.ends_with('/')) base += '/';
  }
  return fmt::format(
      "{}#logStream:group=/aws/sagemaker/TrainingJobs;prefix={};streamFilter=typeLogStreamPrefix",
      base, job_name);
}

json::Value StatusOf(const json::Value& description, const std::string& region,
                     const std::string& endpoint) {
  const std::string name = description["TrainingJobName"].Str();
  const std::string_view state = description["TrainingJobStatus"].AsString();
  json::Value status = json::Object({
      {"trainingJobStatus", state},
      {"sageMakerTrainingJobName", name},
      {"cloudWatchLogUrl", LogUrl(name, region, endpoint)},
  });
  if (state != "Stopping") status.Set("secondaryStatus", description["SecondaryStatus"]);
  if (const std::string_view text = WhatIsSaid(description); !text.empty())
    status.Set("additional", text);
  const std::string_view model = description["ModelArtifacts"]["S3ModelArtifacts"].AsString();
  if (!model.empty() && state == "Completed") status.Set("modelPath", model);
  return status;
}

bool IsTerminal(std::string_view training_job_status) {
  return training_job_status == "Completed" || training_job_status == "Failed" ||
         training_job_status == "Stopped";
}

}  // namespace leat::sagemaker
