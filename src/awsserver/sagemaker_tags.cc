#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "awsserver/awsserver.h"
#include "awsserver/sagemaker_operations.h"
#include "awsserver/training_run.h"
#include "base/strings.h"

namespace leat::awsserver {
namespace {

constexpr int kTries = 5;  // against others who change the run at the same time
constexpr size_t kMaxTags = 50;

// The run that a ResourceArn names. An ARN's region counts, not the caller's.
Answer<json::Value> FindByArn(const SageMakerCall& call) {
  const std::string arn = call.input["ResourceArn"].Str();
  const auto parts = Split(arn, ':');
  const auto resource = Cut(parts[5], "/");
  if (!resource || resource->first != "training-job" || parts[4] != kAccountId) {
    return AwsError{"ValidationException", "The resource " + arn +
                                               " does not exist: Leat has tags of training jobs of "
                                               "account " +
                                               kAccountId + " only"};
  }
  const std::string name(resource->second);
  const CallContext context{.principal = call.context.principal,
                            .region = std::string(parts[3]),
                            .request_id = call.context.request_id,
                            .stop = call.context.stop};
  return FindRun({call.objects, call.input, context, call.has_bucket}, name);
}

void SetTag(json::Value& tags, const json::Value& tag) {
  for (json::Value& existing : tags.MutItems()) {
    if (existing["Key"] == tag["Key"]) {
      existing = tag;
      return;
    }
  }
  tags.Push(tag);
}

// Writes what `change` makes of the run's tags; answers with them.
Answer<json::Value> ChangeTags(const SageMakerCall& call,
                               const std::function<void(json::Value& tags)>& change) {
  Error last;
  for (int i = 0; i < kTries; ++i) {
    auto run = FindByArn(call);
    if (!run) return run.error();
    json::Value& tags = run->Mut("spec").Mut("job").Mut("Tags");
    if (tags.IsNull()) tags = json::Array();
    change(tags);
    if (tags.size() > kMaxTags) {
      return AwsError{"ResourceLimitExceeded",
                      fmt::format("A resource can have at most {} tags", kMaxTags)};
    }
    auto updated = call.objects.Update(api::gvr::kTrainingRuns, *run);
    if (updated) return tags;
    last = updated.error();
    if (last.code != Code::kConflict) break;
  }
  return ClusterError(last);
}

}  // namespace

Answer<void> CheckTagKeys(const json::Value& tags) {
  std::set<std::string_view> keys;
  for (const json::Value& tag : tags.Items()) {
    if (keys.insert(tag["Key"].AsString()).second) continue;
    return AwsError{"ValidationException", fmt::format("Tag keys must be unique: {} is given more "
                                                       "than once",
                                                       tag["Key"].AsString())};
  }
  return {};
}

Answer<json::Value> AddTags(const SageMakerCall& call) {
  const json::Value& added = call.input["Tags"];
  if (auto right = CheckTagKeys(added); !right) return right.error();
  auto tags = ChangeTags(call, [&](json::Value& existing) {
    for (const json::Value& tag : added.Items()) SetTag(existing, tag);
  });
  if (!tags) return tags.error();
  return json::Object({{"Tags", *tags}});
}

Answer<json::Value> ListTags(const SageMakerCall& call) {
  auto run = FindByArn(call);
  if (!run) return run.error();
  const json::Value& tags = (*run)["spec"]["job"]["Tags"];
  return json::Object({{"Tags", tags.IsArray() ? tags : json::Array()}});
}

Answer<json::Value> DeleteTags(const SageMakerCall& call) {
  const json::ArrayItems& keys = call.input["TagKeys"].Items();
  auto tags = ChangeTags(call, [&](json::Value& existing) {
    std::erase_if(existing.MutItems(), [&](const json::Value& tag) {
      return std::find(keys.begin(), keys.end(), tag["Key"]) != keys.end();
    });
  });
  if (!tags) return tags.error();
  return json::Object();
}

}  // namespace leat::awsserver
