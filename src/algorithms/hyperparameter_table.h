// One row for each hyperparameter: what it may be, and what becomes of it.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace leat::algorithms {

enum class ValueType { kInteger, kReal, kChoice, kChoices, kMetrics, kText };

enum class Use {
  kBooster,   // passed on to XGBoost as it is
  kOurs,      // read by Leat
  kNoEffect,  // checked, then left out
};

struct HyperparameterRow {
  std::string_view name;
  ValueType type;
  Use use = Use::kBooster;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;         // min itself is outside the range
  bool below_max = false;         // max itself is outside the range
  std::string_view choices = {};  // separated by blanks; kChoices takes several, by commas
  // Only with one of these values of that other hyperparameter XGBoost obeys this one:
  // "booster=dart gbtree". Empty: always.
  std::string_view works_with = {};
};

// All rows, sorted by name.
std::span<const HyperparameterRow> HyperparameterTable();
const HyperparameterRow* FindHyperparameter(std::string_view name);  // nullptr when unknown
// The known name most like `name`, or empty when none is close.
std::string_view NearestHyperparameter(std::string_view name);

// kInvalid with the name, the value and what it may be.
Status CheckValue(const HyperparameterRow& row, std::string_view value);
// Whether XGBoost 1.7 computes a metric of this name ("rmse", "ndcg@5", "error@0.7").
bool IsXgboostMetric(std::string_view name);
// The names of all metrics, the computed ones too, for a message.
std::string MetricNames();

}  // namespace leat::algorithms
