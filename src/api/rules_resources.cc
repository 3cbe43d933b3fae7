// Resource names and amounts, extended resources (devices) above all.
#include <fmt/format.h>

#include "api/quantity.h"
#include "api/rules.h"
#include "api/validation.h"

namespace leat::api {
namespace {

bool IsStandardForContainers(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
         name.starts_with("hugepages-");
}

// Resources of which no more can be promised than there is.
bool IsOvercommitAllowed(std::string_view name) {
  return !IsExtendedResource(name) && !name.starts_with("hugepages-");
}

void CheckResourceName(const std::string& path, std::string_view name, FieldErrors& errors) {
  AddAll(path, name, CheckQualifiedName(name), errors);
  if (name.find('/') == std::string_view::npos) {
    if (!IsStandardForContainers(name)) {
      errors.push_back(
          InvalidValue(path, name, "must be a standard resource type or fully qualified"));
      errors.push_back(InvalidValue(path, name, "must be a standard resource for containers"));
    }
  } else if (!IsExtendedResource(name) && name.find("kubernetes.io/") == std::string_view::npos) {
    errors.push_back(InvalidValue(path, name, "doesn't follow extended resource name standard"));
  }
}

void CheckAmount(const std::string& path, std::string_view name, const json::Value& amount,
                 FieldErrors& errors) {
  const Result<int64_t> milli = QuantityMilli(amount);
  if (!milli) return;  // the schema says so
  if (*milli < 0)
    errors.push_back(InvalidValue(path, amount, "must be greater than or equal to 0"));
  else if (IsExtendedResource(name) && *milli % 1000 != 0)
    errors.push_back(InvalidValue(path, amount, "must be an integer"));
}

std::string AmountText(const json::Value& amount) {
  return amount.IsString() ? amount.Str() : json::Print(amount);
}

void CheckAgainstLimit(const std::string& path, const json::Member& request,
                       const json::Value* limit, FieldErrors& errors) {
  if (!limit) {
    if (!IsOvercommitAllowed(request.key))
      errors.push_back(Required(path, "Limit must be set for non overcommitable resources"));
    return;
  }
  const Result<int64_t> wanted = QuantityMilli(request.value);
  const Result<int64_t> most = QuantityMilli(*limit);
  if (!wanted || !most) return;
  const std::string text = AmountText(request.value);
  if (!IsOvercommitAllowed(request.key) && *wanted != *most)
    errors.push_back(InvalidValue(
        path, text,
        fmt::format("must be equal to {} limit of {}", request.key, AmountText(*limit))));
  else if (*wanted > *most)
    errors.push_back(InvalidValue(path, text,
                                  fmt::format("must be less than or equal to {} limit of {}",
                                              request.key, AmountText(*limit))));
}

}  // namespace

bool IsExtendedResource(std::string_view name) {
  return name.find('/') != std::string_view::npos &&
         name.find("kubernetes.io/") == std::string_view::npos && !name.starts_with("requests.") &&
         CheckQualifiedName("requests." + std::string(name)).empty();
}

void CheckResources(std::string_view path, const json::Value& resources, FieldErrors& errors) {
  for (const char* list : {"limits", "requests"}) {
    for (const json::Member& resource : resources[list].Members()) {
      const std::string at = fmt::format("{}.{}[{}]", path, list, resource.key);
      CheckResourceName(at, resource.key, errors);
      CheckAmount(at, resource.key, resource.value, errors);
    }
  }
  const std::string requests_path = Child(path, "requests");
  for (const json::Member& request : resources["requests"].Members()) {
    // A request without its limit is reported at the limits, as upstream does.
    const json::Value* limit = resources["limits"].Find(request.key);
    CheckAgainstLimit(limit ? requests_path : Child(path, "limits"), request, limit, errors);
  }
}

}  // namespace leat::api
