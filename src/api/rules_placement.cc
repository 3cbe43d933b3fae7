// Where a pod may run: tolerations, affinity, spreading.
#include <fmt/format.h>

#include <set>

#include "api/rules.h"
#include "api/validation.h"
#include "base/strings.h"

namespace leat::api {
namespace {

void CheckTolerations(const json::Value& tolerations, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& toleration : tolerations.Items()) {
    const std::string path = Item("spec.tolerations", index++);
    const json::Value& op = toleration["operator"];
    const std::string_view key = toleration["key"].AsString();
    if (!key.empty())
      AddAll(Child(path, "key"), toleration["key"], CheckQualifiedName(key), errors);
    else if (op.AsString() != "Exists")
      errors.push_back(InvalidValue(Child(path, "operator"), op.IsNull() ? json::Value("") : op,
                                    "operator must be Exists when `key` is empty, which means "
                                    "\"match all values and all keys\""));
    if (toleration["tolerationSeconds"].IsNumber() &&
        toleration["effect"].AsString() != "NoExecute")
      errors.push_back(InvalidValue(Child(path, "effect"), toleration["effect"],
                                    "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    if (op.AsString() == "Exists" && !toleration["value"].AsString().empty())
      errors.push_back(InvalidValue(Child(path, "operator"), toleration["value"],
                                    "value must be empty when `operator` is 'Exists'"));
  }
}

// The number of values that an operator takes.
void CheckRequirements(const std::string& path, const json::Value& requirements,
                       FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& requirement : requirements.Items()) {
    const std::string at = Item(path, index++);
    const std::string_view op = requirement["operator"].AsString();
    const size_t values = requirement["values"].size();
    if ((op == "In" || op == "NotIn") && values == 0)
      errors.push_back(
          Required(Child(at, "values"), "must be specified when `operator` is 'In' or 'NotIn'"));
    if ((op == "Exists" || op == "DoesNotExist") && values > 0)
      errors.push_back(Forbidden(Child(at, "values"),
                                 "may not be specified when `operator` is 'Exists' or "
                                 "'DoesNotExist'"));
    if ((op == "Gt" || op == "Lt") && values != 1)
      errors.push_back(Required(Child(at, "values"),
                                "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    else if ((op == "Gt" || op == "Lt") && !ParseInt(requirement["values"][0].AsString()))
      errors.push_back(InvalidValue(Item(Child(at, "values"), 0), requirement["values"][0],
                                    "must be an integer when `operator` is 'Lt' or 'Gt'"));
    const std::string_view key = requirement["key"].AsString();
    if (!key.empty()) AddAll(Child(at, "key"), requirement["key"], CheckQualifiedName(key), errors);
  }
}

void CheckNodeTerm(const std::string& path, const json::Value& term, FieldErrors& errors) {
  CheckRequirements(Child(path, "matchExpressions"), term["matchExpressions"], errors);
  size_t index = 0;
  for (const json::Value& field : term["matchFields"].Items()) {
    const std::string at = Item(Child(path, "matchFields"), index++);
    if (field["key"].AsString() != "metadata.name" && !field["key"].AsString().empty())
      errors.push_back(
          InvalidValue(Child(at, "key"), field["key"], "not a valid field selector key"));
    if (field["values"].size() != 1)
      errors.push_back(Required(Child(at, "values"),
                                "must be only one value when `operator` is 'In' or 'NotIn' for "
                                "node field selector"));
  }
}

void CheckWeight(const std::string& path, const json::Value& weight, FieldErrors& errors) {
  if (weight.IsNumber() && (weight.AsInt() < 1 || weight.AsInt() > 100))
    errors.push_back(InvalidValue(Child(path, "weight"), weight, "must be in the range 1-100"));
}

void CheckSelector(const std::string& path, const json::Value& selector, FieldErrors& errors) {
  CheckLabels(Child(path, "matchLabels"), selector["matchLabels"], errors);
  CheckRequirements(Child(path, "matchExpressions"), selector["matchExpressions"], errors);
}

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";
constexpr const char* kPreferred = "preferredDuringSchedulingIgnoredDuringExecution";

void CheckNodeAffinity(const json::Value& affinity, FieldErrors& errors) {
  const std::string path = "spec.affinity.nodeAffinity";
  size_t index = 0;
  const std::string terms = Child(path, Child(kRequired, "nodeSelectorTerms"));
  for (const json::Value& term : affinity[kRequired]["nodeSelectorTerms"].Items())
    CheckNodeTerm(Item(terms, index++), term, errors);
  index = 0;
  for (const json::Value& term : affinity[kPreferred].Items()) {
    const std::string at = Item(Child(path, kPreferred), index++);
    CheckWeight(at, term["weight"], errors);
    CheckNodeTerm(Child(at, "preference"), term["preference"], errors);
  }
}

void CheckPodAffinity(const std::string& path, const json::Value& affinity, FieldErrors& errors) {
  size_t index = 0;
  for (const json::Value& term : affinity[kRequired].Items())
    CheckSelector(Child(Item(Child(path, kRequired), index++), "labelSelector"),
                  term["labelSelector"], errors);
  index = 0;
  for (const json::Value& term : affinity[kPreferred].Items()) {
    const std::string at = Item(Child(path, kPreferred), index++);
    CheckWeight(at, term["weight"], errors);
    CheckSelector(Child(at, "podAffinityTerm.labelSelector"),
                  term["podAffinityTerm"]["labelSelector"], errors);
  }
}

void CheckSpreading(const json::Value& constraints, FieldErrors& errors) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  size_t index = 0;
  for (const json::Value& constraint : constraints.Items()) {
    const std::string path = Item("spec.topologySpreadConstraints", index++);
    if (constraint["maxSkew"].IsNumber() && constraint["maxSkew"].AsInt() <= 0)
      errors.push_back(
          InvalidValue(Child(path, "maxSkew"), constraint["maxSkew"], "must be greater than zero"));
    const std::string_view key = constraint["topologyKey"].AsString();
    const std::string_view otherwise = constraint["whenUnsatisfiable"].AsString();
    if (!seen.insert({key, otherwise}).second)
      errors.push_back(Duplicate(Child(path, "{topologyKey, whenUnsatisfiable}"),
                                 fmt::format("{{{}, {}}}", key, otherwise)));
    CheckSelector(Child(path, "labelSelector"), constraint["labelSelector"], errors);
  }
}

}  // namespace

void CheckPlacement(const json::Value& spec, FieldErrors& errors) {
  CheckLabels("spec.nodeSelector", spec["nodeSelector"], errors);
  CheckTolerations(spec["tolerations"], errors);
  const json::Value& affinity = spec["affinity"];
  CheckNodeAffinity(affinity["nodeAffinity"], errors);
  for (const char* kind : {"podAffinity", "podAntiAffinity"})
    CheckPodAffinity(Child("spec.affinity", kind), affinity[kind], errors);
  CheckSpreading(spec["topologySpreadConstraints"], errors);
}

}  // namespace leat::api
