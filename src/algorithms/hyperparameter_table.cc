#include "algorithms/hyperparameter_table.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "algorithms/computed_metrics.h"
#include "algorithms/number.h"
#include "base/strings.h"

namespace leat::algorithms {
namespace {

using enum ValueType;
using enum Use;

constexpr std::string_view kObjectives =
    "binary:hinge binary:logistic binary:logitraw count:poisson multi:softmax multi:softprob "
    "rank:map rank:ndcg rank:pairwise reg:absoluteerror reg:gamma reg:linear reg:logistic "
    "reg:pseudohubererror reg:squarederror reg:squaredlogerror reg:tweedie survival:cox";
constexpr std::string_view kMetricNames =
    "auc aucpr cox-nloglik error gamma-deviance gamma-nloglik logloss mae map mape merror mlogloss "
    "mphe ndcg poisson-nloglik rmse rmsle tweedie-nloglik";
constexpr std::string_view kUpdaters =
    "coord_descent grow_colmaker grow_histmaker grow_quantile_histmaker prune refresh shotgun sync";

constexpr std::string_view kOfTrees = "booster=dart gbtree";
constexpr std::string_view kOfDart = "booster=dart";
constexpr std::string_view kOfBins = "tree_method=approx hist";

constexpr HyperparameterRow kTable[] = {
    {.name = "_tuning_objective_metric", .type = kText, .use = kOurs},
    {.name = "alpha", .type = kReal, .min = 0},
    {.name = "base_score", .type = kReal},
    {.name = "booster", .type = kChoice, .choices = "dart gblinear gbtree"},
    {.name = "colsample_bylevel",
     .type = kReal,
     .min = 0,
     .max = 1,
     .above_min = true,
     .works_with = kOfTrees},
    {.name = "colsample_bynode",
     .type = kReal,
     .min = 0,
     .max = 1,
     .above_min = true,
     .works_with = kOfTrees},
    {.name = "colsample_bytree",
     .type = kReal,
     .min = 0,
     .max = 1,
     .above_min = true,
     .works_with = kOfTrees},
    {.name = "csv_weights", .type = kChoice, .use = kOurs, .choices = "0 1"},
    {.name = "deterministic_histogram", .type = kChoice, .use = kNoEffect, .choices = "false true"},
    {.name = "dsplit", .type = kChoice, .use = kNoEffect, .choices = "col row"},
    {.name = "early_stopping_rounds", .type = kInteger, .use = kOurs, .min = 1, .max = 1e9},
    {.name = "eta", .type = kReal, .min = 0, .max = 1},
    {.name = "eval_metric", .type = kMetrics, .use = kOurs},
    {.name = "feature_selector",
     .type = kChoice,
     .choices = "cyclic greedy random shuffle thrifty",
     .works_with = "booster=gblinear"},
    {.name = "gamma", .type = kReal, .min = 0, .works_with = kOfTrees},
    {.name = "grow_policy",
     .type = kChoice,
     .choices = "depthwise lossguide",
     .works_with = kOfBins},
    {.name = "huber_slope",
     .type = kReal,
     .min = 0,
     .above_min = true,
     .works_with = "objective=reg:pseudohubererror"},
    {.name = "interaction_constraints", .type = kText, .use = kOurs},
    {.name = "lambda", .type = kReal, .min = 0},
    {.name = "lambda_bias", .type = kReal, .use = kNoEffect, .min = 0, .max = 1},
    {.name = "max_bin", .type = kInteger, .min = 2, .max = 1 << 20, .works_with = kOfBins},
    {.name = "max_delta_step", .type = kReal, .min = 0},
    {.name = "max_depth", .type = kInteger, .min = 0, .max = 1000, .works_with = kOfTrees},
    {.name = "max_leaves", .type = kInteger, .min = 0, .max = 1e9, .works_with = kOfBins},
    {.name = "min_child_weight", .type = kReal, .min = 0, .works_with = kOfTrees},
    {.name = "monotone_constraints", .type = kText, .use = kOurs},
    {.name = "normalize_type", .type = kChoice, .choices = "forest tree", .works_with = kOfDart},
    {.name = "nthread", .type = kInteger, .use = kOurs, .min = 1, .max = 4096},
    {.name = "num_class", .type = kInteger, .use = kOurs, .min = 2, .max = 1e6},
    {.name = "num_parallel_tree", .type = kInteger, .min = 1, .max = 1e6, .works_with = kOfTrees},
    {.name = "num_round", .type = kInteger, .use = kOurs, .min = 1, .max = 1e9},
    {.name = "objective", .type = kChoice, .use = kOurs, .choices = kObjectives},
    {.name = "one_drop", .type = kChoice, .choices = "0 1", .works_with = kOfDart},
    {.name = "process_type", .type = kChoice, .use = kOurs, .choices = "default update"},
    {.name = "rate_drop", .type = kReal, .min = 0, .max = 1, .works_with = kOfDart},
    {.name = "refresh_leaf",
     .type = kChoice,
     .choices = "0 1",
     .works_with = "process_type=update"},
    {.name = "sample_type", .type = kChoice, .choices = "uniform weighted", .works_with = kOfDart},
    {.name = "sampling_method", .type = kChoice, .choices = "uniform"},
    {.name = "save_model_on_termination", .type = kChoice, .use = kOurs, .choices = "false true"},
    {.name = "scale_pos_weight",
     .type = kReal,
     .min = 0,
     .above_min = true,
     .works_with = "objective=binary:logistic binary:logitraw reg:linear reg:logistic "
                   "reg:squarederror reg:squaredlogerror"},
    {.name = "seed", .type = kInteger, .min = -2147483648.0, .max = 2147483647.0},
    {.name = "silent", .type = kChoice, .use = kOurs, .choices = "0 1"},
    {.name = "single_precision_histogram",
     .type = kChoice,
     .use = kNoEffect,
     .choices = "false true"},
    {.name = "sketch_eps",
     .type = kReal,
     .use = kNoEffect,
     .min = 0,
     .max = 1,
     .above_min = true,
     .below_max = true},
    {.name = "skip_drop", .type = kReal, .min = 0, .max = 1, .works_with = kOfDart},
    {.name = "subsample",
     .type = kReal,
     .min = 0,
     .max = 1,
     .above_min = true,
     .works_with = kOfTrees},
    {.name = "top_k",
     .type = kInteger,
     .min = 0,
     .max = 1e9,
     .works_with = "feature_selector=greedy thrifty"},
    {.name = "tree_method",
     .type = kChoice,
     .use = kOurs,
     .choices = "approx auto exact hist",
     .works_with = kOfTrees},
    {.name = "tweedie_variance_power",
     .type = kReal,
     .min = 1,
     .max = 2,
     .above_min = true,
     .below_max = true,
     .works_with = "objective=reg:tweedie"},
    {.name = "updater", .type = kChoices, .choices = kUpdaters},
    {.name = "verbosity", .type = kInteger, .use = kOurs, .min = 0, .max = 3},
};

bool IsOneOf(std::string_view value, std::string_view choices) {
  const auto all = Split(choices, ' ');
  return std::find(all.begin(), all.end(), value) != all.end();
}

std::string Bound(double value) {
  std::string text = PrintNumber(value);
  return text.substr(0, text.size() - (text.ends_with(".0") ? 2 : 0));
}

// "from 0 to 1", "greater than 0 and at most 1", ...
std::string Range(const HyperparameterRow& row) {
  const bool from = row.min > -std::numeric_limits<double>::infinity();
  const bool to = row.max < std::numeric_limits<double>::infinity();
  std::string text;
  if (from) text += (row.above_min ? " greater than " : " of at least ") + Bound(row.min);
  if (from && to) text += " and";
  if (to) text += (row.below_max ? " less than " : " at most ") + Bound(row.max);
  return text;
}

bool InRange(const HyperparameterRow& row, double value) {
  return (row.above_min ? value > row.min : value >= row.min) &&
         (row.below_max ? value < row.max : value <= row.max);
}

// What a value must be, when `value` is not it; else empty.
std::string Wanted(const HyperparameterRow& row, std::string_view value) {
  switch (row.type) {
    case kInteger: {
      const auto number = ParseInt(value);
      if (number && InRange(row, static_cast<double>(*number))) return "";
      return "a whole number" + Range(row);
    }
    case kReal: {
      const auto number = ParseDouble(value);
      if (number && *number - *number == 0 && InRange(row, *number)) return "";
      return "a number" + Range(row);
    }
    case kChoice:
      return IsOneOf(value, row.choices) ? "" : "one of: " + Join(Split(row.choices, ' '), ", ");
    case kChoices:
      for (const std::string_view part : Split(value, ','))
        if (!IsOneOf(Trim(part), row.choices))
          return "any of these, separated by commas: " + Join(Split(row.choices, ' '), ", ");
      return "";
    case kMetrics:
      for (const std::string_view part : Split(value, ','))
        if (!IsXgboostMetric(Trim(part)) && !IsComputedMetric(Trim(part)))
          return "any of these, separated by commas: " + MetricNames();
      return "";
    case kText:
      return Trim(value).empty() ? "given a value" : "";
  }
  return "";
}

// How many letters must be added, left out or changed to get from a to b.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const HyperparameterRow> HyperparameterTable() { return kTable; }

const HyperparameterRow* FindHyperparameter(std::string_view name) {
  const auto* row = std::lower_bound(std::begin(kTable), std::end(kTable), name,
                                     [](const auto& r, std::string_view n) { return r.name < n; });
  return row != std::end(kTable) && row->name == name ? row : nullptr;
}

std::string_view NearestHyperparameter(std::string_view name) {
  constexpr size_t kClose = 2;
  if (name.size() > 64) return {};
  std::string_view nearest;
  size_t least = kClose + 1;
  for (const HyperparameterRow& row : kTable) {
    const size_t distance = EditDistance(Lower(name), row.name);
    if (distance < least) {
      least = distance;
      nearest = row.name;
    }
  }
  return nearest;
}

Status CheckValue(const HyperparameterRow& row, std::string_view value) {
  const std::string wanted = Wanted(row, value);
  if (wanted.empty()) return {};
  return Error{Code::kInvalid, "Hyperparameter " + std::string(row.name) + ": value '" +
                                   std::string(value) + "' must be " + wanted};
}

bool IsXgboostMetric(std::string_view name) {
  std::string_view base = name;
  if (const auto cut = Cut(name, "@")) {
    base = cut->first;
    std::string_view number = cut->second;
    if (IsOneOf(base, "map ndcg")) {
      // How many places count; XGBoost would read 0.5 or none as 0. "ndcg@5-": empty lists count 0.
      if (number.ends_with('-')) number.remove_suffix(1);
      const auto places = ParseInt(number);
      return places && *places >= 1;
    }
    const auto threshold = ParseDouble(number);
    return threshold && *threshold - *threshold == 0 && IsOneOf(base, "error tweedie-nloglik");
  }
  if (base.ends_with('-')) {
    base.remove_suffix(1);
    if (!IsOneOf(base, "map ndcg")) return false;
  }
  return IsOneOf(base, kMetricNames);
}

std::string MetricNames() {
  auto names = Split(kMetricNames, ' ');
  const std::string computed = ComputedMetricNames();
  for (const std::string_view name : Split(computed, ' ')) names.push_back(name);
  std::sort(names.begin(), names.end());
  return Join(names, ", ");
}

}  // namespace leat::algorithms
