#include "algorithms/evaluation.h"

#include <algorithm>
#include <cmath>

#include "algorithms/computed_metrics.h"
#include "base/strings.h"

namespace leat::algorithms {
namespace {

Status AddComputed(Booster& booster, const std::string& set, const Matrix& matrix,
                   const Hyperparameters& parameters, std::vector<MetricValue>& values) {
  auto prediction = booster.Predict(matrix);
  if (!prediction) return prediction.error();
  auto labels = matrix.Labels();
  if (!labels) return labels.error();
  const MetricTask task{parameters.objective, parameters.num_class};
  for (const std::string& metric : parameters.computed_metrics)
    values.push_back({set + "-" + metric, ComputeMetric(metric, task, *prediction, *labels)});
  return {};
}

// Where a metric stands among those of one set. XGBoost may print another name than it was given
// ("error@0.50"), but keeps their order.
std::optional<size_t> PlaceOf(const std::string& metric, size_t native,
                              const Hyperparameters& parameters) {
  const auto in = [&](const std::vector<std::string>& metrics) -> std::optional<size_t> {
    const auto found = std::find(metrics.begin(), metrics.end(), metric);
    if (found == metrics.end()) return std::nullopt;
    return static_cast<size_t>(found - metrics.begin());
  };
  if (const auto place = in(parameters.eval_metrics)) return place;
  if (const auto place = in(parameters.computed_metrics)) return native + *place;
  return std::nullopt;
}

}  // namespace

Result<std::vector<MetricValue>> ParseEvaluation(std::string_view line) {
  const auto parts = Split(line, '\t');
  std::vector<MetricValue> values;
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t colon = parts[i].rfind(':');
    if (colon == std::string_view::npos) break;
    const std::string number = Lower(Trim(parts[i].substr(colon + 1)));
    const auto value = number.ends_with("nan") ? Result<double>(std::nan("")) : ParseDouble(number);
    if (!value) break;
    values.push_back({std::string(parts[i].substr(0, colon)), *value});
  }
  if (values.empty() || values.size() + 1 != parts.size())
    return Error{Code::kInternal,
                 "XGBoost reported an evaluation in an unknown form: " + std::string(line)};
  return values;
}

Result<std::vector<MetricValue>> EvaluateRound(Booster& booster, int round,
                                               const NamedMatrices& sets,
                                               const Hyperparameters& parameters) {
  auto line = booster.Evaluate(round, sets);
  if (!line) return line.error();
  auto native = ParseEvaluation(*line);
  if (!native || parameters.computed_metrics.empty()) return native;
  const size_t each = native->size() / sets.size();
  std::vector<MetricValue> values;
  for (size_t i = 0; i < sets.size(); ++i) {
    const auto first = native->begin() + static_cast<ptrdiff_t>(i * each);
    values.insert(values.end(), first, first + static_cast<ptrdiff_t>(each));
    const auto& [name, matrix] = sets[i];
    if (auto added = AddComputed(booster, name, *matrix, parameters, values); !added)
      return added.error();
  }
  return values;
}

std::optional<Watched> WatchedOf(const std::vector<MetricValue>& values, const NamedMatrices& sets,
                                 const Hyperparameters& parameters) {
  if (parameters.early_stopping_rounds == 0) return std::nullopt;
  const bool any = parameters.release == ContainerRelease::kBefore13;
  const bool validated = sets.back().first == "validation";
  const std::string& asked = parameters.watched_metric;
  if (!any && (!validated || asked.empty())) return std::nullopt;
  const size_t each = values.size() / sets.size();
  const size_t native = each - parameters.computed_metrics.size();
  const size_t place = PlaceOf(asked, native, parameters).value_or(each - 1);
  const size_t index = (sets.size() - 1) * each + place;
  const auto cut = Cut(values[index].name, "-");
  return Watched{index, MoreIsBetter(cut ? cut->second : values[index].name)};
}

}  // namespace leat::algorithms
