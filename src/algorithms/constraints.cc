#include "algorithms/constraints.h"

#include <algorithm>
#include <cstdint>

#include "base/strings.h"
#include "json/value.h"

namespace leat::algorithms {
namespace {

constexpr int64_t kMaxFeature = 1 << 30;

Error Refuse(std::string_view name, std::string_view value, std::string_view wanted) {
  return Error{Code::kInvalid, "Hyperparameter " + std::string(name) + ": value '" +
                                   std::string(value) + "' must be " + std::string(wanted)};
}

std::string Features(size_t count) {
  return std::to_string(count) + (count == 1 ? " feature column" : " feature columns");
}

}  // namespace

Status ReadMonotone(std::string_view value, Constraints& constraints) {
  const Error refused = Refuse(
      "monotone_constraints", value,
      "one of -1, 0 and 1 for each feature, in parentheses and separated by commas: (1,0,-1)");
  std::string_view list = Trim(value);
  const bool enclosed = (list.starts_with('(') && list.ends_with(')')) ||
                        (list.starts_with('[') && list.ends_with(']'));
  if (list.size() < 3 || !enclosed) return refused;
  list = Trim(list.substr(1, list.size() - 2));
  if (list.ends_with(',')) list.remove_suffix(1);  // Python writes one alone as (1,)
  std::string canonical;
  size_t features = 0;
  for (const std::string_view part : Split(list, ',')) {
    const auto number = ParseInt(Trim(part));
    if (!number || *number < -1 || *number > 1) return refused;
    canonical += (features == 0 ? "(" : ",") + std::to_string(*number);
    ++features;
  }
  constraints.monotone = canonical + ")";
  constraints.monotone_features = features;
  return {};
}

Status ReadInteraction(std::string_view value, Constraints& constraints) {
  const Error refused =
      Refuse("interaction_constraints", value,
             "lists of the features that may be used together, which count from 0: [[0,1],[2,3]]");
  const auto lists = json::Parse(value);
  if (!lists || !lists->IsArray() || lists->size() == 0) return refused;
  int64_t greatest = 0;
  for (const json::Value& list : lists->Items()) {
    if (!list.IsArray() || list.size() == 0) return refused;
    for (const json::Value& feature : list.Items()) {
      const int64_t number = feature.AsInt(-1);
      if (!feature.IsNumber() || number < 0 || number > kMaxFeature ||
          json::Print(feature) != std::to_string(number))
        return refused;
      greatest = std::max(greatest, number);
    }
  }
  constraints.interaction = json::Print(*lists);
  constraints.interaction_features = static_cast<size_t>(greatest) + 1;
  return {};
}

Status CheckColumns(const Constraints& constraints, size_t columns) {
  if (!constraints.monotone.empty() && constraints.monotone_features != columns)
    return Error{Code::kInvalid, "Hyperparameter monotone_constraints: " + constraints.monotone +
                                     " is for " + Features(constraints.monotone_features) +
                                     ", and channel train has " + std::to_string(columns) +
                                     "; give one of -1, 0 and 1 for each"};
  if (constraints.interaction_features > columns)
    return Error{Code::kInvalid,
                 "Hyperparameter interaction_constraints: " + constraints.interaction +
                     " names feature " + std::to_string(constraints.interaction_features - 1) +
                     ", and channel train has " + Features(columns) + "; features count from 0"};
  return {};
}

}  // namespace leat::algorithms
