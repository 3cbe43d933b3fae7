#include <fmt/format.h>

#include <algorithm>

#include "awsserver/awsserver.h"
#include "awsserver/sagemaker_operations.h"
#include "awsserver/training_run.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr int64_t kDefaultMaxResults = 10;

// Where a job stands in the list: a token carries that of the last job given, so that jobs made or
// removed between two pages make none appear twice.
struct Place {
  std::string key;  // compares as the sort key does
  std::string name;
  friend auto operator<=>(const Place&, const Place&) = default;
};

struct Listed {
  Place place;
  json::Value run;
};

Place PlaceOf(const json::Value& run, std::string_view sort_by) {
  const std::string name = run["spec"]["trainingJobName"].Str();
  if (sort_by == "Name") return {name, name};
  if (sort_by == "Status") return {ShownStatus(run), name};
  return {fmt::format("{:020}", CreationMs(run)), name};
}

// True if the time lies within the exclusive bounds, where they are given.
bool Between(int64_t ms, const json::Value& after, const json::Value& before) {
  const double seconds = static_cast<double>(ms) / 1000;
  if (after.IsNumber() && seconds <= after.AsDouble()) return false;
  return !before.IsNumber() || seconds < before.AsDouble();
}

bool Wanted(const json::Value& run, const SageMakerCall& call) {
  const json::Value& input = call.input;
  const json::Value& spec = run["spec"];
  if (spec["region"].AsString() != call.context.region) return false;
  const std::string_view part = input["NameContains"].AsString();
  if (spec["trainingJobName"].AsString().find(part) == std::string_view::npos) return false;
  const std::string_view status = input["StatusEquals"].AsString();
  if (!status.empty() && ShownStatus(run) != status) return false;
  if (input["WarmPoolStatusEquals"].IsString()) return false;  // there are no warm pools
  const json::Value& plan = input["TrainingPlanArnEquals"];
  if (plan.IsString() && spec["job"]["ResourceConfig"]["TrainingPlanArn"] != plan) return false;
  return Between(CreationMs(run), input["CreationTimeAfter"], input["CreationTimeBefore"]) &&
         Between(LastModifiedMs(run), input["LastModifiedTimeAfter"],
                 input["LastModifiedTimeBefore"]);
}

json::Value Summary(const json::Value& run) {
  json::Value out = json::Object({{"TrainingJobName", run["spec"]["trainingJobName"]},
                                  {"TrainingJobArn", run["spec"]["trainingJobArn"]},
                                  {"CreationTime", EpochSeconds(CreationMs(run))},
                                  {"LastModifiedTime", EpochSeconds(LastModifiedMs(run))},
                                  {"TrainingJobStatus", ShownStatus(run)},
                                  {"SecondaryStatus", ShownSecondaryStatus(run)}});
  if (const auto end = TimeMs(run["status"]["trainingEndTime"]))
    out.Set("TrainingEndTime", EpochSeconds(*end));
  return out;
}

std::string MakeToken(const Place& place, std::string_view sort_by, bool descending) {
  return Base64Encode(json::Print(json::Object(
      {{"by", sort_by}, {"descending", descending}, {"key", place.key}, {"name", place.name}})));
}

Answer<Place> ReadToken(std::string_view token, std::string_view sort_by, bool descending) {
  const AwsError invalid{"ValidationException",
                         "The NextToken is invalid: give the one that ListTrainingJobs returned, "
                         "with the same SortBy and SortOrder"};
  const auto text = Base64Decode(token);
  if (!text) return invalid;
  const auto parsed = json::Parse(*text);
  if (!parsed || (*parsed)["by"].AsString() != sort_by ||
      (*parsed)["descending"].AsBool() != descending)
    return invalid;
  return Place{(*parsed)["key"].Str(), (*parsed)["name"].Str()};
}

}  // namespace

Answer<json::Value> ListTrainingJobs(const SageMakerCall& call) {
  const std::string_view sort_by = call.input["SortBy"].AsString("CreationTime");
  const bool descending = call.input["SortOrder"].AsString() == "Descending";
  const auto before = [&](const Place& a, const Place& b) { return descending ? b < a : a < b; };
  std::optional<Place> after;
  if (const json::Value& token = call.input["NextToken"]; token.IsString()) {
    auto place = ReadToken(token.AsString(), sort_by, descending);
    if (!place) return place.error();
    after = *place;
  }

  auto runs = call.objects.List(api::gvr::kTrainingRuns, {.ns = kEngineNamespace});
  if (!runs) return ClusterError(runs.error());
  std::vector<Listed> listed;
  for (json::Value& run : runs->items) {
    if (!Wanted(run, call)) continue;
    Place place = PlaceOf(run, sort_by);
    if (after && !before(*after, place)) continue;
    listed.push_back({std::move(place), std::move(run)});
  }
  std::sort(listed.begin(), listed.end(),
            [&](const Listed& a, const Listed& b) { return before(a.place, b.place); });

  const size_t limit = static_cast<size_t>(call.input["MaxResults"].AsInt(kDefaultMaxResults));
  json::Value summaries = json::Array();
  for (size_t i = 0; i < std::min(limit, listed.size()); ++i)
    summaries.Push(Summary(listed[i].run));
  json::Value answer = json::Object({{"TrainingJobSummaries", std::move(summaries)}});
  if (listed.size() > limit)
    answer.Set("NextToken", MakeToken(listed[limit - 1].place, sort_by, descending));
  return answer;
}

}  // namespace leat::awsserver
