#include "sagemaker/unserved_kinds.h"

#include <algorithm>
#include <string_view>

#include "api/meta.h"
#include "reconcile/events.h"
#include "sagemaker/yielding.h"

namespace leat::sagemaker {
namespace {

using reconcile::EventType;
using reconcile::Outcome;

constexpr std::string_view kKinds[] = {
    "BatchTransformJob", "EndpointConfig",          "HostingAutoscalingPolicy",
    "HostingDeployment", "HyperparameterTuningJob", "Model",
    "ProcessingJob",
};

// The type that a definition of one of these kinds serves; no resource when it is none of them, or
// is not to be looked after.
api::Gvr TypeOf(const json::Value& definition) {
  const json::Value& spec = definition["spec"];
  const std::string_view kind = spec["names"]["kind"].AsString();
  if (spec["group"].AsString() != api::gvr::kTrainingJobs.group ||
      std::find(std::begin(kKinds), std::end(kKinds), kind) == std::end(kKinds) ||
      Yields(definition) || api::IsBeingDeleted(definition) ||
      api::FindCondition(definition["status"]["conditions"], "Established")["status"].AsString() !=
          "True")
    return {};
  for (const json::Value& version : spec["versions"].Items())
    if (version["served"].AsBool())
      return {spec["group"].Str(), version["name"].Str(), spec["names"]["plural"].Str()};
  return {};
}

std::string TextFor(const std::string& kind) {
  return "Leat does not serve " + kind +
         " yet: nothing comes of this object. Of the SageMaker operators' kinds it serves "
         "TrainingJob. Delete it, or give it to an operator that serves it and annotate the "
         "kind's CustomResourceDefinition with leat.dev/yield=true";
}

}  // namespace

// Tells the objects of one kind.
class UnservedKinds::Teller : public reconcile::Reconciler {
 public:
  Teller(api::ObjectClient& client, Clock& clock, api::Gvr type, const std::string& kind)
      : client_(client),
        type_(std::move(type)),
        text_(TextFor(kind)),
        events_(client, clock, "sagemaker-operator"),
        controller_(client, clock,
                    {.name = kind,
                     .sources = {{.type = type_, .selection = {}, .keys_of = {}}},
                     .workers = 1},
                    *this) {}

  const api::Gvr& type() const { return type_; }

  Result<Outcome> Reconcile(const api::ObjectName& key, const std::stop_token&) override {
    auto object = client_.Get(type_, key);
    if (!object && object.error().code == Code::kNotFound) return Outcome{};
    if (!object) return object.error();
    const std::string uid = (*object)["metadata"]["uid"].Str();
    if (api::IsBeingDeleted(*object) || (*object)["status"]["additional"].AsString() == text_ ||
        told_[key] == uid)
      return Outcome{};
    auto written =
        client_.Patch(type_, key, api::PatchType::kMerge,
                      json::Object({{"status", json::Object({{"additional", text_}})}}), "status");
    // A type without a status, or with another one, has the event alone.
    if (!written && written.error().code != Code::kNotFound &&
        written.error().code != Code::kInvalid)
      return written.error();
    events_.Record(*object, EventType::kWarning, "NotServed", text_);
    told_[key] = uid;
    return Outcome{};
  }

 private:
  api::ObjectClient& client_;
  const api::Gvr type_;
  const std::string text_;
  reconcile::EventRecorder events_;
  std::map<api::ObjectName, std::string> told_;  // the worker's: uids
  reconcile::Controller controller_;             // last: it uses the rest
};

UnservedKinds::UnservedKinds(api::ObjectClient& client, Clock& clock)
    : client_(client), clock_(clock) {}

UnservedKinds::~UnservedKinds() = default;

Result<Outcome> UnservedKinds::Reconcile(const api::ObjectName& key, const std::stop_token&) {
  auto definition = client_.Get(api::gvr::kCustomResourceDefinitions, key);
  if (!definition && definition.error().code != Code::kNotFound) return definition.error();
  const api::Gvr type = definition ? TypeOf(*definition) : api::Gvr{};
  auto& teller = tellers_[key.name];
  if (teller && teller->type() == type) return Outcome{};
  teller.reset();
  if (type.resource.empty())
    tellers_.erase(key.name);
  else
    teller = std::make_unique<Teller>(client_, clock_, type,
                                      (*definition)["spec"]["names"]["kind"].Str());
  return Outcome{};
}

}  // namespace leat::sagemaker
