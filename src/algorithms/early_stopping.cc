#include "algorithms/early_stopping.h"

#include <cmath>
#include <initializer_list>

#include "base/strings.h"

namespace leat::algorithms {
namespace {

// Whether more is better, judged as Python's xgboost judges it, by how the name starts.
bool MoreIsBetter(std::string_view metric) {
  if (metric == "mape") return false;
  for (const std::string_view prefix : {"auc", "aucpr", "pre", "map", "ndcg"})
    if (metric.starts_with(prefix)) return true;
  return false;
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

bool EarlyStopping::ShouldStop(int round, const std::vector<MetricValue>& values) {
  if (rounds_ == 0) return false;
  const MetricValue& watched = values.back();
  const auto cut = Cut(watched.name, "-");
  const bool more_is_better = MoreIsBetter(cut ? cut->second : watched.name);
  const bool better = best_round_ < 0 ||
                      (more_is_better ? watched.value > best_score_ : watched.value < best_score_);
  if (better) {
    metric_ = watched.name;
    best_round_ = round;
    best_score_ = watched.value;
    rounds_without_gain_ = 0;
    return false;
  }
  return ++rounds_without_gain_ >= rounds_;
}

}  // namespace leat::algorithms
