// The metrics that SageMaker's container computes itself, beside XGBoost's own: accuracy, f1, ...,
// by scikit-learn's definitions, of unweighted rows. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "algorithms/prediction.h"
#include "base/result.h"

namespace leat::algorithms {

// All names, separated by blanks.
std::string ComputedMetricNames();
bool IsComputedMetric(std::string_view name);

// What a metric is computed for. `num_class` is 0 unless the objective is multi:*.
struct MetricTask {
  std::string objective;
  int num_class = 0;
};

// kInvalid when the computed metric cannot be had of that objective; says which it is for.
Status CheckComputedMetric(std::string_view name, const MetricTask& task);
// Whether the computed metric compares classes, so that labels must be whole.
bool ComparesClasses(std::string_view name);

// The metric of these predictions, a row each, against their labels, which the objective allows.
double ComputeMetric(std::string_view name, const MetricTask& task, const Prediction& prediction,
                     const std::vector<float>& labels);

// Whether more of the metric is better; for XGBoost's own metrics too ("auc", "ndcg@5-", "rmse").
bool MoreIsBetter(std::string_view metric);

}  // namespace leat::algorithms
